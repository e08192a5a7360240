package ca

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// explain words what went wrong between here and the CA, for whoever asked for the certificate; nil stays nil.
func (e *external) explain(verb string, err error) error {
	return e.config.explain(verb, err)
}

func (x External) explain(verb string, err error) error {
	if err == nil {
		return nil
	}
	if _, worded := errors.AsType[*fault.Error](err); worded {
		return err
	}
	var f *fault.Error
	refused, isRefusal := errors.AsType[*refusal](err)
	switch {
	case errors.Is(err, errUnreachable):
		f = fault.New(fault.Unavailable, "ca_unreachable", "The certificate authority %s cannot be reached. What it issued goes on; nothing new is issued or revoked until it is back.", x.URL)
	case errors.Is(err, errUnauthorized):
		f = fault.New(fault.Conflict, "ca_refused", "The certificate authority %s did not accept the token of provisioner %q: %s Compare provisioner, password and key with its configuration, and the clocks.", x.URL, x.Provisioner, sentence(refused.message))
	case isRefusal && refused.status == http.StatusNotImplemented:
		f = fault.New(fault.Conflict, "ca_cannot", "The certificate authority %s cannot do this: %s It needs a database (db in its ca.json).", x.URL, sentence(refused.message))
	case isRefusal && refused.status/100 == 5:
		f = fault.New(fault.Unavailable, "ca_failed", "The certificate authority %s failed: %s", x.URL, sentence(refused.message))
	case isRefusal:
		f = fault.New(fault.Conflict, "ca_refused", "The certificate authority %s refused: %s", x.URL, sentence(refused.message))
	default:
		f = x.unproved(err)
	}
	f.Err = fmt.Errorf("%s: %w", verb, err)
	return f
}

// unproved is for what the CA shows, rather than says.
func (x External) unproved(err error) *fault.Error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
		return fault.New(fault.Unavailable, "ca_failed", "The certificate authority %s gave an answer that cannot be read. Is it a step-ca?", x.URL)
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return fault.New(fault.Conflict, "ca_not_proved", "The server at %s has a certificate for another name; add the name to dnsNames in its ca.json, or use one that it has.", x.URL)
	}
	return fault.New(fault.Conflict, "ca_not_proved", "The server at %s does not prove itself by the root whose fingerprint is configured.", x.URL)
}

// wrongRoot is for a fingerprint that the CA does not have a root for.
func (x External) wrongRoot() *fault.Error {
	return fault.New(fault.Conflict, "ca_not_proved",
		"The certificate authority %s has no root with the fingerprint %s. Compare fingerprint with what `step certificate fingerprint` says of its root certificate.", x.URL, x.Fingerprint)
}

// unlike says in what a certificate differs from what was ordered; nil when in nothing.
func (e *external) unlike(o order, c *x509.Certificate) error {
	what := ""
	switch {
	case !sameKey(c.PublicKey, o.request.PublicKey):
		what = "for another key"
	case !slices.Equal(certificateNames(c), o.shape.names) || len(c.EmailAddresses) > 0:
		what = "for other names"
	case !o.shape.fits(c):
		what = "with other usages"
	case !o.fits(c):
		what = "for another time"
	default:
		return nil
	}
	return fault.New(fault.Conflict, "ca_unlike_order",
		"The certificate authority %s signed %s than asked, so its certificate is not used and was revoked. Provisioner %q needs the template that docs/trust.md gives.",
		e.config.URL, what, e.config.Provisioner)
}

// sentence ends with a full stop.
func sentence(s string) string {
	return strings.TrimRight(s, ". ") + "."
}

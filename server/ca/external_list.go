package ca

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// CRL implements backend: it gives the CA's own list, after making sure that everything recorded here as revoked is on it. A
// CA that was away then, or was restored from a backup since, is told again.
func (e *external) CRL(ctx context.Context, l revocationList) ([]byte, error) {
	list, err := e.list(ctx)
	if err != nil {
		return nil, err
	}
	missing := missingFrom(list, l.entries, l.thisUpdate)
	if len(missing) == 0 {
		return list.Raw, nil
	}
	if err := e.Revoke(ctx, missing); err != nil {
		return nil, err
	}
	if list, err = e.list(ctx); err != nil {
		return nil, err
	}
	if missing = missingFrom(list, l.entries, l.thisUpdate); len(missing) > 0 {
		return nil, fault.New(fault.Unavailable, "ca_list_behind",
			"The list of the certificate authority %s lacks %d revoked certificates, such as %s. Set generateOnRevoke under crl in its ca.json, or wait for its next list.", e.config.URL, len(missing), missing[0].Serial)
	}
	return list.Raw, nil
}

// list is the CA's list, believed only when one of its issuing certificates signed it and it is still in force.
func (e *external) list(ctx context.Context) (*x509.RevocationList, error) {
	raw, err := fetch(ctx, e.http, http.MethodGet, e.config.URL+"/1.0/crl", nil, maxListAnswer)
	if refused, ok := errors.AsType[*refusal](err); ok && refused.status == http.StatusNotFound {
		return nil, fault.New(fault.Conflict, "ca_no_list", `The certificate authority %s gives no revocation list. Set "crl": {"enabled": true, "generateOnRevoke": true} in its ca.json.`, e.config.URL)
	}
	if err != nil {
		return nil, e.explain("fetch revocation list", err)
	}
	list, err := x509.ParseRevocationList(raw)
	if err != nil {
		return nil, e.explain("read revocation list", err)
	}
	if err := e.believe(ctx, list); err != nil {
		f := fault.New(fault.Conflict, "ca_list_not_proved", "The list of the certificate authority %s is not signed by the authority that issues here, or out of date.", e.config.URL)
		f.Err = err
		return nil, f
	}
	return list, nil
}

func (e *external) believe(ctx context.Context, list *x509.RevocationList) error {
	signed := func(issuer *x509.Certificate) bool { return list.CheckSignatureFrom(issuer) == nil }
	if !slices.ContainsFunc(e.Issuers(), signed) && !slices.ContainsFunc(e.otherIssuers(ctx), signed) {
		return errors.New("nobody who is known here signed it")
	}
	if now := e.clock.Now(); !list.NextUpdate.IsZero() && now.After(list.NextUpdate) {
		return fmt.Errorf("it ended at %s", list.NextUpdate.UTC().Format(time.RFC3339))
	}
	return nil
}

// otherIssuers are those below the pinned root that the CA names: it may have a new one by which nothing was signed here yet.
func (e *external) otherIssuers(ctx context.Context) (out []*x509.Certificate) {
	var answer struct {
		Certificates []string `json:"crts"`
	}
	if err := e.call(ctx, http.MethodGet, "/1.0/intermediates", nil, &answer); err != nil {
		return nil // an older step-ca does not tell
	}
	named, err := parseChain(answer.Certificates)
	if err != nil {
		return nil
	}
	for _, c := range named {
		if c.IsCA && c.CheckSignatureFrom(e.anchor.root) == nil {
			out = append(out, c)
		}
	}
	return out
}

// missingFrom are the entries that list does not have, but for those whose certificates have ended: a CA forgets these.
func missingFrom(list *x509.RevocationList, entries []Revocation, now time.Time) (missing []Revocation) {
	there := make(map[string]bool, len(list.RevokedCertificateEntries))
	for _, r := range list.RevokedCertificateEntries {
		there[SerialText(r.SerialNumber)] = true
	}
	for _, r := range entries {
		if !there[r.Serial] && r.NotAfter.After(now) {
			missing = append(missing, r)
		}
	}
	return missing
}

package topology

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Roles of certificates whose end is watched.
const (
	CertRoot    = "root"    // of this data center: nobody renews it by itself
	CertIssuer  = "issuer"  // of this data center: renewed at a start
	CertLeaf    = "leaf"    // of this node: renewed by itself, two thirds into its life
	CertTrusted = "trusted" // declared here for partners
	CertPartner = "partner" // shown by a partner: renewed by that
)

// shortLife is below what a server's own certificate is no good anchor: its owner replaces it soon, and the link breaks.
const shortLife = 90 * 24 * time.Hour

// Certificate is one whose end is watched.
type Certificate struct {
	Role      string // Cert…
	Name      string // of the trusted certificate, cluster id of the partner, or common name
	NotBefore time.Time
	ExpiresAt time.Time
}

// Soon says whether somebody has to look after it: thirty days before its end, or when what is renewed by itself was not, four
// fifths into its life.
func (c Certificate) Soon(now time.Time) bool {
	left := c.ExpiresAt.Sub(now)
	if c.Role == CertLeaf || c.Role == CertPartner {
		return left < c.ExpiresAt.Sub(c.NotBefore)/5
	}
	return left < expirySoon
}

func (c Certificate) String() string { return c.Role + " " + c.Name }

// hint says what to do before it ends.
func (c Certificate) hint() string {
	switch c.Role {
	case CertRoot:
		return "Renew the root of this data center and give it to every partner before that."
	case CertIssuer:
		return "Restart the node: it is renewed at a start."
	case CertLeaf:
		return "It should have been renewed by itself: see in this node's log why it was not."
	case CertPartner:
		return "It should have been renewed by itself: see in the partner's log why it was not."
	}
	return "Declare the partner's new certificate beside it before that."
}

// OwnCertificates are the issuing certificate and the leaves of a node, as its listeners show them.
func OwnCertificates(shown ...*tls.Certificate) (out []Certificate) {
	known := map[string]bool{}
	for _, s := range shown {
		if s == nil {
			continue
		}
		for i, der := range s.Certificate {
			c, err := x509.ParseCertificate(der)
			if err != nil || known[string(der)] {
				continue
			}
			known[string(der)] = true
			role := CertLeaf
			if i > 0 {
				role = CertIssuer
			}
			out = append(out, Certificate{role, c.Subject.CommonName, c.NotBefore, c.NotAfter})
		}
	}
	return out
}

// Certificates lists every certificate whose end is watched: this data center's, those it trusts, and what partners showed last.
func (v *Validator) Certificates(ctx context.Context) (out []Certificate, err error) {
	for _, root := range v.c.Roots() {
		out = append(out, Certificate{CertRoot, root.Subject.CommonName, root.NotBefore, root.NotAfter})
	}
	if v.c.Own != nil {
		out = append(out, v.c.Own()...)
	}
	err = v.c.Log.View(ctx, func(s *journal.Snapshot) error {
		return errors.Join(
			eachOf(s, mdc.PartnerKind(), func(p *mdc.Partner) { out = append(out, v.shown(p.ClusterID)...) }),
			eachOf(s, mdc.TrustedCertificateKind(), func(t *mdc.TrustedCertificate) { out = append(out, declaredEnds(t)...) }))
	})
	return out, err
}

func (v *Validator) shown(clusterID string) []Certificate {
	if v.c.State == nil {
		return nil
	}
	st := v.c.State(clusterID)
	if st.CertificateExpiresAt.IsZero() || st.Hello.CertificateLife == 0 { // not met since the start
		return nil
	}
	return []Certificate{{CertPartner, clusterID, st.CertificateExpiresAt.Add(-st.Hello.CertificateLife), st.CertificateExpiresAt}}
}

// declaredEnds gives the certificate of a declaration that ends first.
func declaredEnds(t *mdc.TrustedCertificate) []Certificate {
	parsed, err := mdc.ParseCertificates(t.CertificatePEM)
	if err != nil {
		return nil // the look at objects finds it
	}
	first := parsed[0]
	for _, c := range parsed[1:] {
		if c.NotAfter.Before(first.NotAfter) {
			first = c
		}
	}
	return []Certificate{{CertTrusted, t.Name, first.NotBefore, first.NotAfter}}
}

// certificates looks at the ends of all certificates, and for anchors that will not hold.
func (r *report) certificates(ctx context.Context) error {
	all, err := r.v.Certificates(ctx)
	if err != nil {
		return err
	}
	now := r.v.c.Clock.Now()
	for _, c := range all {
		until := "It ends at " + c.ExpiresAt.UTC().Format(time.RFC3339) + "."
		switch {
		case !now.Before(c.ExpiresAt):
			r.add(SeverityError, "certificate_expired", subject(c), until, c.hint())
		case c.Soon(now):
			r.add(SeverityWarning, "certificate_expires", subject(c), until, c.hint())
		}
	}
	return r.v.c.Log.View(ctx, r.shortLived)
}

func subject(c Certificate) string {
	switch c.Role {
	case CertTrusted:
		return "trusted_certificate " + c.Name
	case CertPartner:
		return "partner " + c.Name
	}
	return "own " + c.Role + " " + c.Name
}

// shortLived finds servers' own certificates that are trusted and that their owners will replace soon.
func (r *report) shortLived(s *journal.Snapshot) error {
	return eachOf(s, mdc.TrustedCertificateKind(), func(t *mdc.TrustedCertificate) {
		parsed, _ := mdc.ParseCertificates(t.CertificatePEM) // objects has found what cannot be read
		for _, c := range parsed {
			if life := c.NotAfter.Sub(c.NotBefore); mdc.CertificateType(c) == mdc.CertificateServer && life < shortLife {
				r.add(SeverityWarning, "trusted_server_certificate", "trusted_certificate "+t.Name,
					fmt.Sprintf("It is a server's own certificate and lives for %s: the link breaks when its owner renews it.", life.Round(time.Hour)),
					"Trust the root instead: what concord_trust_bundle of that data center gives.")
			}
		}
	})
}

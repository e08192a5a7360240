package federation

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/bundle"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// What one partner may tell, beside what package bundle bounds.
const (
	MaxLists = 8
	MaxList  = 1 << 20 // bytes of all lists together
	skew     = 5 * time.Minute
)

// Document is what one data center tells another.
type Document struct {
	Sequence uint64
	Bundle   []byte // SPIFFE bundle, JSON; nil = the caller has it
	Number   uint64 // of the revocation lists together
	Lists    []List // nil = the caller has them
}

// List is a certificate revocation list and the issuing certificate that signed it, both DER.
type List struct {
	Issuer []byte `json:"issuer"`
	List   []byte `json:"list"`
}

func refuse(format string, args ...any) error {
	return fault.New(fault.Invalid, "bundle_refused", format, args...)
}

// rootsOf reads what a bundle tells.
func rootsOf(raw []byte) (sequence uint64, roots []*x509.Certificate, err error) {
	b, err := bundle.Read(raw)
	if err != nil {
		return 0, nil, refuse("The bundle cannot be taken: %s.", err.Error())
	}
	return b.Sequence, b.Roots, nil
}

// soundRoot says why c cannot be a root of the data center called id.
func soundRoot(c *x509.Certificate, id string, now time.Time) error {
	switch {
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return refuse("The bundle holds %s, which is no authority.", mdc.Fingerprint(c))
	case mdc.WeakKey(c):
		return refuse("The bundle holds %s, whose key is too short to be believed.", mdc.Fingerprint(c))
	case now.After(c.NotAfter):
		return refuse("The bundle holds %s, which has expired.", mdc.Fingerprint(c))
	case len(c.PermittedURIDomains) > 0 && !slices.Equal(c.PermittedURIDomains, []string{mdc.FoldName(id)}):
		return refuse("The bundle holds %s, which is the root of another data center: it is constrained to %.80q.", mdc.Fingerprint(c), c.PermittedURIDomains)
	}
	return nil
}

// read verifies a list: its issuer leads to one of the roots, and signed it.
func (l List) read(roots []*x509.Certificate, now time.Time) (*x509.Certificate, *x509.RevocationList, error) {
	issuer, err := x509.ParseCertificate(l.Issuer)
	if err != nil {
		return nil, nil, refuse("A revocation list comes with an issuer that cannot be read.")
	}
	pool := x509.NewCertPool()
	for _, r := range roots {
		pool.AddCert(r)
	}
	if _, err := issuer.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil || !issuer.IsCA {
		return nil, nil, refuse("A revocation list is signed by an issuer that is not under the partner's roots.")
	}
	list, err := l.parse()
	if err != nil {
		return nil, nil, refuse("A revocation list cannot be read.")
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return nil, nil, refuse("A revocation list is not signed by its issuer.")
	}
	if list.ThisUpdate.After(now.Add(skew)) {
		return nil, nil, refuse("A revocation list is of the future; compare the clocks of both data centers.")
	}
	return issuer, list, nil
}

func (l List) parse() (*x509.RevocationList, error) {
	list, err := x509.ParseRevocationList(l.List)
	if err != nil {
		return nil, fmt.Errorf("parse revocation list: %w", err)
	}
	if list.Number == nil {
		return nil, errors.New("parse revocation list: it has no number")
	}
	return list, nil
}

// numberOf is a list's number, for one that was verified when it was taken.
func numberOf(l List) *big.Int {
	if list, err := l.parse(); err == nil {
		return list.Number
	}
	return new(big.Int)
}

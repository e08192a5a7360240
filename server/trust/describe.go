package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Info is what people are shown of a certificate.
type Info struct {
	Kind        string    // root, intermediate or server
	IssuedTo    string    // the common name when it is all there is, otherwise RFC 2253 form
	IssuedBy    string    // the same form
	ExpiresAt   time.Time // UTC
	Fingerprint string    // lower-case hex SHA-256 of the DER
}

// Describe describes the 1 to 8 PEM certificates of a trusted certificate that is kept here, in their order. The error, which
// means that the record is damaged, never repeats the text.
func Describe(text string) ([]Info, error) {
	certificates, err := mdc.ParseCertificates(text)
	if err != nil {
		return nil, fmt.Errorf("describe certificates: %w", err)
	}
	out := make([]Info, 0, len(certificates))
	for _, c := range certificates {
		out = append(out, describe(c))
	}
	return out, nil
}

func describe(c *x509.Certificate) Info {
	return Info{
		Kind: mdc.CertificateType(c), IssuedTo: display(c.Subject), IssuedBy: display(c.Issuer),
		ExpiresAt: c.NotAfter.UTC(), Fingerprint: mdc.Fingerprint(c),
	}
}

func display(n pkix.Name) string {
	if len(n.Names) == 1 && n.CommonName != "" {
		return n.CommonName
	}
	return n.String()
}

package cli

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/privatekey"
)

// maxInFile is the most certificates that one file gives, as the server has it.
const maxInFile = 8

// fileCertificate is a certificate that was read from a file.
type fileCertificate struct{ *x509.Certificate }

func (c fileCertificate) fingerprint() string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func (c fileCertificate) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// certificatesIn reads 1 to 8 certificates, PEM or one as DER. What is no certificate is refused and never repeated nor sent, so
// that a key that was taken for one stays where it is (SEC-68).
func certificatesIn(file string) ([]fileCertificate, error) {
	text, err := readSmall(file)
	if err != nil {
		return nil, err
	}
	if privatekey.In(text) {
		return nil, fmt.Errorf("%s holds a private key; give the file with the certificate. Nothing was sent", file)
	}
	if c, err := x509.ParseCertificate([]byte(text)); err == nil {
		return []fileCertificate{{c}}, nil
	}
	var all []fileCertificate
	for rest := []byte(text); ; {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = after
		if block.Type != "CERTIFICATE" || privatekey.In(string(block.Bytes)) {
			return nil, fmt.Errorf("%s holds something that is no certificate; nothing was sent", file)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d cannot be read", file, len(all)+1)
		}
		if all = append(all, fileCertificate{c}); len(all) > maxInFile {
			return nil, fmt.Errorf("%s holds more than %d certificates", file, maxInFile)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no certificate, neither PEM nor DER", file)
	}
	return all, nil
}

func (p *program) trustFingerprint(t *target) *cobra.Command {
	return &cobra.Command{Use: "fingerprint FILE", Short: "Show the SHA-256 of the certificates in a file; asks nobody", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Shows the SHA-256 fingerprints of 1 to 8 certificates in a file, PEM or DER, to read out to whoever\nimports them. It connects to nothing.",
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := certificatesIn(args[0])
			if err != nil {
				return err
			}
			type row struct {
				IssuedTo    string `json:"issued_to"`
				ExpiresAt   string `json:"expires_at"`
				Fingerprint string `json:"fingerprint_sha256"`
			}
			rows, cells := []row{}, [][]string{}
			for _, c := range all {
				r := row{c.Subject.String(), moment(&c.NotAfter), c.fingerprint()}
				rows, cells = append(rows, r), append(cells, []string{r.Fingerprint, r.IssuedTo, r.ExpiresAt})
			}
			switch strings.ToLower(t.output) {
			case "json":
				return p.json(rows)
			case "table":
				return p.table([]string{"SHA-256", "ISSUED TO", "EXPIRES"}, cells)
			}
			return usage("-o %q is not one of table, json", t.output)
		}}
}

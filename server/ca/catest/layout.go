// Package catest writes what a real step-ca needs to run, as an operator does with step's tools: a root and an issuing
// certificate, a provisioner whose key Concord holds or finds there, and ca.json. It is for tests; internal/testkit runs the
// program. It must not know Concord's own authority.
package catest

import (
	"cmp"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/authority/provisioner"
	"github.com/smallstep/certificates/db"
	"go.step.sm/crypto/jose"
	"go.step.sm/crypto/pemutil"
)

// Provisioner is the name of the provisioner in every layout.
const Provisioner = "concord"

// Template is what docs/trust.md gives to operators: names, usages and serial number come from the signed token only.
const Template = `{
  "serialNumber": {{ toJson .Token.serial }},
  "subject": {"commonName": {{ toJson .Token.common }}},
  "sans": {{ toJson .SANs }},
  "keyUsage": ["digitalSignature"],
  "extKeyUsage": {{ toJson .Token.usage }}
}`

// Options of a layout.
type Options struct {
	Address         string        // host:port that it listens on
	ClusterID       string        // in lower case; its certificates are constrained to URI names of this cluster
	Min, Max        time.Duration // bounds of a certificate's life
	Backdate        time.Duration // 0 = step's minute
	IssuerLife      time.Duration // of the issuing certificate; 0 = as long as the root
	WithoutCRL      bool
	WithoutTemplate bool
	OwnSerials      bool // the template takes no serial from the token
	KeyApart        bool // the provisioner's encrypted key is a file of its own, and not in ca.json
}

// Layout is a folder from which step-ca runs.
type Layout struct {
	Dir          string
	Config       string // ca.json
	CAPassword   string // file: what the issuing key is encrypted with
	PasswordFile string // file: what the provisioner's key is encrypted with
	KeyFile      string // file: that key; "" unless KeyApart
	Root         *x509.Certificate
	Fingerprint  string // of the root, as step prints it
}

// Write makes a layout in dir, which has to be there.
func Write(dir string, o Options) (*Layout, error) {
	l := &Layout{Dir: dir, Config: filepath.Join(dir, "ca.json")}
	if err := l.certificates(o); err != nil {
		return nil, err
	}
	p, err := l.provisioner(o)
	if err != nil {
		return nil, err
	}
	if err := l.configuration(o, p).Save(l.Config); err != nil {
		return nil, fmt.Errorf("write %s: %w", l.Config, err)
	}
	return l, nil
}

func (l *Layout) certificates(o Options) error {
	root, err := newAuthority(o.ClusterID, rootLife, nil)
	if err != nil {
		return err
	}
	issuing, err := newAuthority(o.ClusterID, cmp.Or(o.IssuerLife, rootLife), root)
	if err != nil {
		return err
	}
	l.Root, l.Fingerprint = root.cert, fingerprint(root.cert)
	password := secret()
	block, err := pemutil.Serialize(issuing.key, pemutil.WithPassword([]byte(password)))
	if err != nil {
		return fmt.Errorf("encrypt issuing key: %w", err)
	}
	if l.CAPassword, err = l.file("ca-password", []byte(password)); err != nil {
		return err
	}
	for name, body := range map[string][]byte{"root.crt": certificatePEM(root.cert), "issuing.crt": certificatePEM(issuing.cert), "issuing.key": pem.EncodeToMemory(block)} {
		if _, err := l.file(name, body); err != nil {
			return err
		}
	}
	return nil
}

func (l *Layout) provisioner(o Options) (*provisioner.JWK, error) {
	key, err := jose.GenerateJWK("EC", "P-256", "ES256", "sig", "", 0)
	if err != nil {
		return nil, fmt.Errorf("make provisioner's key: %w", err)
	}
	password := secret()
	if l.PasswordFile, err = l.file("provisioner-password", []byte(password+"\n")); err != nil {
		return nil, err
	}
	encrypted, err := jose.EncryptJWK(key, []byte(password))
	if err != nil {
		return nil, fmt.Errorf("encrypt provisioner's key: %w", err)
	}
	compact, err := encrypted.CompactSerialize()
	if err != nil {
		return nil, fmt.Errorf("encode provisioner's key: %w", err)
	}
	public := key.Public()
	p := &provisioner.JWK{Type: "JWK", Name: Provisioner, Key: &public, Claims: claims(o)}
	if !o.WithoutTemplate {
		template := Template
		if o.OwnSerials {
			template = strings.Replace(Template, "  \"serialNumber\": {{ toJson .Token.serial }},\n", "", 1)
		}
		p.Options = &provisioner.Options{X509: &provisioner.X509Options{Template: template}}
	}
	if !o.KeyApart {
		p.EncryptedKey = compact
		return p, nil
	}
	l.KeyFile, err = l.file("provisioner-key", []byte(compact))
	return p, err
}

func claims(o Options) *provisioner.Claims {
	on := true
	c := &provisioner.Claims{DisableRenewal: &on}
	if o.Min > 0 {
		c.MinTLSDur = &provisioner.Duration{Duration: o.Min}
	}
	if o.Max > 0 {
		c.MaxTLSDur = &provisioner.Duration{Duration: o.Max}
		c.DefaultTLSDur = &provisioner.Duration{Duration: o.Max}
	}
	return c
}

func (l *Layout) configuration(o Options, p *provisioner.JWK) *config.Config {
	host, _, _ := net.SplitHostPort(o.Address)
	c := &config.Config{
		Root: []string{filepath.Join(l.Dir, "root.crt")}, IntermediateCert: filepath.Join(l.Dir, "issuing.crt"), IntermediateKey: filepath.Join(l.Dir, "issuing.key"),
		Address: o.Address, DNSNames: []string{host},
		DB:     &db.Config{Type: "bbolt", DataSource: filepath.Join(l.Dir, "db")},
		CRL:    &config.CRLConfig{Enabled: !o.WithoutCRL, GenerateOnRevoke: !o.WithoutCRL},
		TLS:    &config.DefaultTLSOptions,
		Logger: json.RawMessage(`{"format":"text"}`),
		// Without a provisioner that an administrator adds, nobody but Concord gets a certificate here.
		AuthorityConfig: &config.AuthConfig{Provisioners: provisioner.List{p}},
	}
	if o.Backdate > 0 {
		c.AuthorityConfig.Backdate = &provisioner.Duration{Duration: o.Backdate}
	}
	return c
}

// file writes a file that its owner alone can read.
func (l *Layout) file(name string, body []byte) (string, error) {
	path := filepath.Join(l.Dir, name)
	if err := os.WriteFile(path, body, 0o600); err != nil {
		return "", fmt.Errorf("lay out step-ca: %w", err)
	}
	return path, nil
}

func certificatePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func fingerprint(c *x509.Certificate) string { return hex.EncodeToString(digest(c.Raw)) }

package config

import (
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Bounds of a leaf certificate's life. Below, renewal could not keep up; above, a stolen key would serve for too long.
const (
	minLeafTTL = time.Minute
	maxLeafTTL = 90 * 24 * time.Hour
)

const (
	caEmbedded = "embedded"
	caExternal = "external"

	maxProvisioner = 128      // length of a provisioner's name
	maxSecret      = 16 << 10 // bytes of a password or of an encrypted key
	fingerprintLen = 64       // hexadecimal digits of a SHA-256
)

// ExternalCA is a step-ca that issues in place of the embedded CA.
type ExternalCA struct {
	URL          string // https://host[:port], without a path
	Fingerprint  string // SHA-256 of its root certificate, in lower case
	Provisioner  string // name of the JWK provisioner that lets Concord ask for certificates
	PasswordFile string // absolute; what the provisioner's key is encrypted with
	KeyFile      string // absolute; the encrypted key itself, "" = the CA publishes it
}

// ca decodes the CA's block. Without it the CA is embedded.
func (d *decoder) ca(c *hcl.BodyContent, n *Node) {
	b := d.only(c, "ca")
	if b == nil {
		return
	}
	switch b.Labels[0] {
	case caEmbedded:
		d.leafTTL(d.content(b.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "leaf_ttl"}}}), n)
	case caExternal:
		d.external(b.Body, n)
	default:
		d.faults.add(b.LabelRanges[0], "Unknown CA", `%q is no CA; write ca "embedded" {} or ca "external" { … }`, clip(b.Labels[0]))
	}
}

func (d *decoder) external(body hcl.Body, n *Node) {
	c := d.content(body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "url", Required: true}, {Name: "fingerprint", Required: true}, {Name: "provisioner", Required: true},
		{Name: "provisioner_password_file", Required: true}, {Name: "provisioner_key_file"}, {Name: "leaf_ttl"},
	}})
	d.leafTTL(c, n)
	n.ExternalCA = &ExternalCA{
		URL: d.caURL(c), Fingerprint: d.fingerprint(c), Provisioner: d.provisioner(c),
		PasswordFile: d.secretFile(c, "provisioner_password_file"), KeyFile: d.secretFile(c, "provisioner_key_file"),
	}
}

// caURL takes https only: what goes there lets its reader have certificates.
func (d *decoder) caURL(c *hcl.BodyContent) string {
	s, ok := d.text(c, "url")
	if !ok {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || len(s) > 300 || u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "" || strings.Trim(u.Path, "/") != "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		d.faults.add(c.Attributes["url"].Expr.Range(), "Invalid url", `url has to be https://host or https://host:port and nothing more, such as "https://ca.example.com:9000"`) // it may hold a password
		return ""
	}
	return "https://" + u.Host
}

// fingerprint takes it as step and as openssl print it: with colons or without, in either case.
func (d *decoder) fingerprint(c *hcl.BodyContent) string {
	s, ok := d.text(c, "fingerprint")
	if !ok {
		return ""
	}
	hex := strings.ToLower(strings.ReplaceAll(s, ":", ""))
	if len(hex) != fingerprintLen || strings.Trim(hex, "0123456789abcdef") != "" {
		d.faults.add(c.Attributes["fingerprint"].Expr.Range(), "Invalid fingerprint",
			"%q has to be the SHA-256 of the CA's root certificate, %d hexadecimal digits, as `step certificate fingerprint root_ca.crt` prints it", clip(s), fingerprintLen)
		return ""
	}
	return hex
}

func (d *decoder) provisioner(c *hcl.BodyContent) string {
	s, ok := d.text(c, "provisioner")
	if ok && len(s) > maxProvisioner {
		d.faults.add(c.Attributes["provisioner"].Expr.Range(), "Invalid provisioner", "the name of a provisioner has at most %d bytes", maxProvisioner)
	}
	return s
}

// secretFile gives the absolute path of a file that others may not read; "" when the attribute is absent or wrong.
func (d *decoder) secretFile(c *hcl.BodyContent, name string) string {
	file := d.path(c, name)
	if file == "" {
		return ""
	}
	at := c.Attributes[name].Expr.Range()
	info, err := os.Stat(file)
	switch {
	case err != nil:
		d.faults.add(at, "Unreadable file", "%v", err)
	case !info.Mode().IsRegular():
		d.faults.add(at, "Unreadable file", "%s is no file", file)
	case info.Mode().Perm()&0o077 != 0:
		d.faults.add(at, "File open to others", "%s can be read by others than its owner (mode %04o); chmod 0600 it", file, info.Mode().Perm())
	case info.Size() == 0 || info.Size() > maxSecret:
		d.faults.add(at, "Unusable file", "%s has %d bytes; it has to hold something, at most %d bytes", file, info.Size(), maxSecret)
	}
	return file
}

func renderCA(b *hclwrite.Body, n *Node) {
	x := n.ExternalCA
	if x == nil {
		set(b.AppendNewBlock("ca", []string{caEmbedded}).Body(), "leaf_ttl", span(n.LeafTTL))
		return
	}
	c := b.AppendNewBlock("ca", []string{caExternal}).Body()
	for _, a := range [][2]string{{"url", x.URL}, {"fingerprint", x.Fingerprint}, {"provisioner", x.Provisioner},
		{"provisioner_password_file", x.PasswordFile}, {"provisioner_key_file", x.KeyFile}} {
		set(c, a[0], a[1])
	}
	set(c, "leaf_ttl", span(n.LeafTTL))
}

func (d *decoder) leafTTL(c *hcl.BodyContent, n *Node) {
	s, ok := d.text(c, "leaf_ttl")
	if !ok {
		return
	}
	at := c.Attributes["leaf_ttl"].Expr.Range()
	ttl, err := time.ParseDuration(s)
	switch {
	case err != nil:
		d.faults.add(at, "Invalid duration", "%q has to be a number with a unit, such as \"24h\"", clip(s))
	case ttl < minLeafTTL || ttl > maxLeafTTL:
		d.faults.add(at, "Duration out of range", "leaf_ttl has to be between %s and %s", span(minLeafTTL), span(maxLeafTTL))
	default:
		n.LeafTTL = ttl
	}
}

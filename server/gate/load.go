package gate

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Longest files that Load reads, in bytes.
const (
	maxConfigFile = 1 << 20
	maxSecretFile = 4 << 10
)

// Load reads a gate's file. Paths in it are taken from the file's own folder. Every fault is
// reported at once, as one Invalid "invalid_configuration" with a line "file:line,column: what" for each. Clock and Logger
// are left for the caller.
func Load(path string) (Config, error) {
	src, err := readFile(path, maxConfigFile)
	if err != nil {
		return Config{}, fault.New(fault.Invalid, "invalid_configuration", "The gate's file cannot be read: %v.", err)
	}
	f, diags := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
	if diags.HasErrors() {
		return Config{}, report(diags)
	}
	l := &loader{dir: filepath.Dir(path), bad: map[string]bool{}, at: map[string]hcl.Range{"/server": f.Body.MissingItemRange()}}
	l.body(f.Body)
	l.check()
	return l.cfg, report(l.diags)
}

// loader fills a Config and remembers where each value stands.
type loader struct {
	dir   string
	cfg   Config
	diags hcl.Diagnostics
	at    map[string]hcl.Range // by pointer, as of Config.faults
	bad   map[string]bool      // pointers that were reported
}

func (l *loader) fail(at hcl.Range, format string, args ...any) {
	l.diags = append(l.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: fmt.Sprintf(format, args...), Subject: &at})
}

func (l *loader) failAt(pointer, format string, args ...any) {
	l.bad[pointer] = true
	l.fail(l.at[pointer], format, args...)
}

func (l *loader) body(b hcl.Body) {
	c, diags := b.Content(&hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{
			{Name: "cluster_id", Required: true}, {Name: "agent", Required: true}, {Name: "secret_file"},
			{Name: "listen", Required: true}, {Name: "upstream", Required: true},
			{Name: "ca_file"}, {Name: "external_scheme"}, {Name: "timeout"}, {Name: "refresh"}, {Name: "connection_age"},
		},
		Blocks: []hcl.BlockHeaderSchema{
			{Type: "server", LabelNames: []string{"node"}}, {Type: "secondary", LabelNames: []string{"node"}}, {Type: "tls"},
		},
	})
	l.diags = append(l.diags, diags...)
	l.cfg.ClusterID = l.text(c, "", "cluster_id")
	l.cfg.Agent = l.text(c, "", "agent")
	l.cfg.Listen = l.text(c, "", "listen")
	l.cfg.Upstream = l.text(c, "", "upstream")
	l.cfg.ExternalScheme = l.text(c, "", "external_scheme")
	l.cfg.Timeout = l.duration(c, "timeout", "5s")
	l.cfg.Refresh = l.duration(c, "refresh", "1m")
	l.cfg.ConnectionAge = l.duration(c, "connection_age", "10m")
	secretFile := l.text(c, "", "secret_file")
	l.secret(secretFile)
	l.roots(l.text(c, "", "ca_file"))
	for _, block := range c.Blocks {
		l.block(block)
	}
	if c.Attributes["secret_file"] == nil && l.cfg.ClientCertFile == "" && l.cfg.ClientKeyFile == "" {
		l.bad["/secret_file"] = true
		l.fail(b.MissingItemRange(), "secret_file is missing: the gate needs its agent's secret, or client_cert_file and client_key_file in tls")
	}
}

func (l *loader) block(b *hcl.Block) {
	if b.Type == "tls" {
		l.tls(b)
		return
	}
	node := b.Labels[0]
	at := "/" + b.Type + "/" + node
	if _, twice := l.at[at]; twice {
		l.fail(b.DefRange, "%s %q is there twice", b.Type, node)
		return
	}
	l.at[at] = b.LabelRanges[0]
	schema := &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "url", Required: true}}}
	if b.Type == "secondary" {
		schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: "cluster_id"})
	}
	c, diags := b.Body.Content(schema)
	l.diags = append(l.diags, diags...)
	s := Server{Node: node, URL: strings.TrimSuffix(l.text(c, at, "url"), "/"), ClusterID: l.text(c, at, "cluster_id")}
	if b.Type == "server" {
		l.cfg.Servers = append(l.cfg.Servers, s)
	} else {
		l.cfg.Secondaries = append(l.cfg.Secondaries, s)
	}
}

func (l *loader) tls(b *hcl.Block) {
	if _, twice := l.at["/tls"]; twice {
		l.fail(b.DefRange, "tls is there twice")
		return
	}
	l.at["/tls"] = b.DefRange
	c, diags := b.Body.Content(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "cert_file"}, {Name: "key_file"}, {Name: "client_cert_file"}, {Name: "client_key_file"}}})
	l.diags = append(l.diags, diags...)
	l.cfg.CertFile = l.path(l.text(c, "/tls", "cert_file"))
	l.cfg.KeyFile = l.path(l.text(c, "/tls", "key_file"))
	l.cfg.ClientCertFile = l.path(l.text(c, "/tls", "client_cert_file"))
	l.cfg.ClientKeyFile = l.path(l.text(c, "/tls", "client_key_file"))
	if l.cfg.CertFile != "" && l.cfg.KeyFile != "" {
		if _, err := newCertificate(l.cfg.CertFile, l.cfg.KeyFile); err != nil {
			l.fail(b.DefRange, "%v", err)
		}
	}
	if l.cfg.ClientCertFile != "" && l.cfg.ClientKeyFile != "" {
		if _, err := client.FileIdentity(l.cfg.ClientCertFile, l.cfg.ClientKeyFile); err != nil {
			l.fail(b.DefRange, "%v", err)
		}
	}
}

// text gives a string attribute; "" when it is absent, null or wrong, which is then reported.
func (l *loader) text(c *hcl.BodyContent, parent, name string) string {
	a, ok := c.Attributes[name]
	if !ok {
		return ""
	}
	at := parent + "/" + name
	l.at[at] = a.Expr.Range()
	v, diags := a.Expr.Value(nil)
	if diags.HasErrors() {
		l.failAt(at, "%s: %s", name, diags[0].Detail)
		return ""
	}
	v, err := convert.Convert(v, cty.String)
	if err != nil || v.IsNull() || !v.IsKnown() || v.AsString() == "" {
		l.failAt(at, "%s is a text that is not empty", name)
		return ""
	}
	return v.AsString()
}

func (l *loader) duration(c *hcl.BodyContent, name, example string) time.Duration {
	s := l.text(c, "", name)
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		l.failAt("/"+name, "%s is a duration with a unit, such as %q", name, example)
		return 0
	}
	return d
}

func (l *loader) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(l.dir, p)
}

func (l *loader) secret(file string) {
	if file == "" {
		return
	}
	b, err := readFile(l.path(file), maxSecretFile)
	if err != nil {
		l.failAt("/secret_file", "%v", err)
		return
	}
	l.cfg.Secret = mdc.NewSecret(strings.TrimRight(string(b), "\r\n"))
}

func (l *loader) roots(file string) {
	if file == "" {
		return
	}
	l.cfg.CAFile = l.path(file)
	if _, err := client.FileAnchors(l.cfg.CAFile); err != nil {
		l.failAt("/ca_file", "%v", err)
	}
}

// check adds what Config.faults finds, except about values that are absent or were already reported where they stand.
func (l *loader) check() {
	for _, f := range l.cfg.faults() {
		if at, ok := l.at[f.Pointer]; ok && !l.bad[f.Pointer] {
			l.fail(at, "%s %s", strings.TrimPrefix(f.Pointer, "/"), f.Detail)
		}
	}
}

// report makes one fault of all diagnostics, in the order of the file; nil when there are none.
func report(diags hcl.Diagnostics) error {
	if len(diags) == 0 {
		return nil
	}
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Subject.Start.Line, b.Subject.Start.Line), cmp.Compare(a.Subject.Start.Column, b.Subject.Start.Column))
	})
	lines := make([]string, len(diags))
	for i, d := range diags {
		text := strings.TrimSuffix(d.Summary, ".")
		if d.Detail != "" {
			text += ": " + d.Detail
		}
		lines[i] = fmt.Sprintf("%s:%d,%d: %s", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column, text)
	}
	return fault.New(fault.Invalid, "invalid_configuration", "%s", strings.Join(lines, "\n"))
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(b)) > limit {
		return nil, errors.New(path + " is too long")
	}
	return b, nil
}

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// WriteNode writes n as a file that Load reads back as n, and makes the folder it lies in. The file is replaced as a
// whole, so a reader never sees half of one.
func WriteNode(path string, n *Node) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make folder of %s: %w", path, err)
	}
	return writeWhole(path, render(n))
}

func writeWhole(path string, text []byte) error {
	next := path + ".new"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", next, err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}

func render(n *Node) []byte {
	f := hclwrite.NewEmptyFile()
	b := f.Body()
	set(b, "cluster_id", n.ClusterID)
	set(b, "node_name", n.NodeName)
	set(b, "data_dir", n.DataDir)
	if n.AllowOpen {
		b.SetAttributeValue("allow_open", cty.True)
	}
	if n.LeaveTime != Defaults().LeaveTime {
		set(b, "leave_time", span(n.LeaveTime))
	}
	for _, name := range ListenerNames() {
		b.AppendNewline()
		renderListener(b.AppendNewBlock("listener", []string{name}).Body(), n.listener(name))
	}
	renderStore(b, n)
	renderCA(b, n)
	b.AppendNewline()
	l := b.AppendNewBlock("log", nil).Body()
	set(l, "level", strings.ToLower(n.Log.Level.String()))
	set(l, "format", n.Log.Format)
	if n.Journal != Defaults().Journal {
		b.AppendNewline()
		j := b.AppendNewBlock("journal", nil).Body()
		j.SetAttributeValue("keep_records", cty.NumberUIntVal(n.Journal.KeepRecords))
		set(j, "keep_for", n.Journal.KeepFor.String())
	}
	renderAudit(b, n.Audit)
	renderOutbound(b, n.Outbound)
	renderPages(b, n.Pages)
	return hclwrite.Format(f.Bytes()) // tokens of a parsed line leave the indentation behind them askew
}

// span writes a duration without the units that are nought: 24h and not 24h0m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func renderListener(b *hclwrite.Body, l *Listener) {
	set(b, "address", l.Address)
	if l.Advertise != l.Address {
		set(b, "advertise", l.Advertise)
	}
	renderRanges(b, "trusted_proxies", l.TrustedProxies)
	if l.TLS == (TLS{}) {
		return
	}
	t := b.AppendNewBlock("tls", nil).Body()
	set(t, "cert_file", l.TLS.CertFile)
	set(t, "key_file", l.TLS.KeyFile)
	set(t, "client_ca_file", l.TLS.ClientCAFile)
	if l.TLS.Disabled {
		t.SetAttributeValue("disabled", cty.True)
	}
}

// set writes a string that is not empty.
func set(b *hclwrite.Body, name, value string) {
	if value != "" {
		b.SetAttributeValue(name, cty.StringVal(value))
	}
}

package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxFile is the longest file that is read, in bytes: a path to something else must not fill the memory.
const maxFile = 1 << 20

// Load reads a node's file. The error is Faults when the file can be read but is wrong. Relative paths in the file count
// from the file's own folder and come back absolute, so that the working directory of a service does not matter.
func Load(path string) (*Node, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", path, err)
	}
	text, err := read(abs)
	if err != nil {
		return nil, err
	}
	return parse(text, path, filepath.Dir(abs))
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open configuration: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(text) > maxFile {
		return nil, errors.New("read configuration: " + path + " is longer than 1 MiB; is it the right file?")
	}
	return text, nil
}

// parse reads text, which is called name in faults; dir is where relative paths start.
func parse(text []byte, name, dir string) (*Node, error) {
	d := &decoder{dir: dir}
	file, diags := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
	d.faults.take(diags)
	if diags.HasErrors() {
		// What follows a syntax error would be guesses about text that was not understood.
		return nil, d.faults.err()
	}
	n := d.node(file.Body)
	if err := d.faults.err(); err != nil {
		return nil, err
	}
	return n, nil
}

func nodeSchema() *hcl.BodySchema {
	return &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{
			{Name: "cluster_id", Required: true}, {Name: "node_name", Required: true}, {Name: "data_dir", Required: true},
			{Name: "allow_open"}, {Name: "leave_time"},
		},
		Blocks: []hcl.BlockHeaderSchema{
			{Type: "listener", LabelNames: []string{"name"}}, {Type: "store", LabelNames: []string{"type"}},
			{Type: "ca", LabelNames: []string{"type"}}, {Type: "log"}, {Type: "journal"}, {Type: "audit"}, {Type: "outbound"}, {Type: "pages"},
		},
	}
}

// node decodes the whole file. It never stops early: each part notes its own faults.
func (d *decoder) node(body hcl.Body) *Node {
	n := Defaults()
	c := d.content(body, nodeSchema())
	n.ClusterID = d.id(c, "cluster_id")
	n.NodeName = d.id(c, "node_name")
	n.DataDir = d.path(c, "data_dir")
	n.AllowOpen = d.boolean(c, "allow_open")
	d.leaveTime(c, n)
	d.listeners(c, n)
	d.store(c, n)
	d.ca(c, n)
	d.log(c, n)
	d.journal(c, n)
	d.audit(c, n)
	d.outbound(c, n)
	d.pages(c, n)
	return n
}

func (d *decoder) id(c *hcl.BodyContent, name string) string {
	s, ok := d.text(c, name)
	if ok && !mdc.ValidClusterID(s) {
		d.faults.add(c.Attributes[name].Expr.Range(), "Invalid "+name, "%q has to be 1 to 63 letters and digits, starting with a letter", clip(s))
	}
	return s
}

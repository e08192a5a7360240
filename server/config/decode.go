package config

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// decoder turns HCL into values and collects what is wrong.
type decoder struct {
	dir    string // where relative paths start
	faults Faults
}

// content reads a body by schema; unknown keys become faults with their places.
func (d *decoder) content(body hcl.Body, schema *hcl.BodySchema) *hcl.BodyContent {
	c, diags := body.Content(schema)
	d.faults.take(diags)
	return c
}

// only gives the one block of a type, nil when there is none; more than one is a fault.
func (d *decoder) only(c *hcl.BodyContent, kind string) *hcl.Block {
	var first *hcl.Block
	for _, b := range c.Blocks.OfType(kind) {
		if first != nil {
			d.faults.add(b.DefRange, "Repeated block", "%s was given on line %d already; keep one", kind, first.DefRange.Start.Line)
			continue
		}
		first = b
	}
	return first
}

// value evaluates an attribute and converts it; ok is false when it is absent, null or wrong.
func (d *decoder) value(c *hcl.BodyContent, name string, want cty.Type) (cty.Value, bool) {
	a, there := c.Attributes[name]
	if !there {
		return cty.NilVal, false
	}
	v, diags := a.Expr.Value(nil)
	d.faults.take(diags)
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	got, err := convert.Convert(v, want)
	if err != nil || got.IsNull() || v.Type() != want {
		d.faults.add(a.Expr.Range(), "Wrong type", "%s has to be a %s", name, want.FriendlyName())
		return cty.NilVal, false
	}
	return got, true
}

// text gives a string that is not empty; ok is false when it is absent or wrong.
func (d *decoder) text(c *hcl.BodyContent, name string) (string, bool) {
	v, ok := d.value(c, name, cty.String)
	if !ok {
		return "", false
	}
	if v.AsString() == "" {
		d.faults.add(c.Attributes[name].Expr.Range(), "Empty value", "%s", emptyText(name))
		return "", false
	}
	return v.AsString(), true
}

// emptyText says what to do about an empty value; what is required has no default to fall back to.
func emptyText(name string) string {
	switch name {
	case "data_dir":
		return `data_dir has to name the folder that the node keeps its data in, such as "/var/lib/concord"`
	case "cluster_id", "node_name", "address", "url", "fingerprint", "provisioner", "provisioner_password_file":
		return name + " has to say something"
	}
	return name + " has to say something; leave the line out for its default"
}

// boolean is false when the attribute is absent or wrong.
func (d *decoder) boolean(c *hcl.BodyContent, name string) bool {
	v, ok := d.value(c, name, cty.Bool)
	return ok && v.True()
}

// path gives an absolute path, "" when the attribute is absent or wrong.
func (d *decoder) path(c *hcl.BodyContent, name string) string {
	s, ok := d.text(c, name)
	switch {
	case !ok:
		return ""
	case filepath.IsAbs(s):
		return filepath.Clean(s)
	default:
		return filepath.Join(d.dir, s)
	}
}

func (d *decoder) log(c *hcl.BodyContent, n *Node) {
	b := d.only(c, "log")
	if b == nil {
		return
	}
	lc := d.content(b.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "level"}, {Name: "format"}}})
	if s, ok := d.text(lc, "level"); ok {
		level, known := levels()[s]
		if !known {
			d.faults.add(lc.Attributes["level"].Expr.Range(), "Unknown level", "%q is not one of debug, info, warn, error", clip(s))
		}
		n.Log.Level = level
	}
	if s, ok := d.text(lc, "format"); ok {
		if s != FormatJSON && s != FormatText {
			d.faults.add(lc.Attributes["format"].Expr.Range(), "Unknown format", "%q is not one of json, text", clip(s))
		}
		n.Log.Format = s
	}
}

func levels() map[string]slog.Level {
	return map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
}

// clip keeps a value from the file short in a fault.
func clip(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%s… (%d bytes)", s[:80], len(s))
	}
	return s
}

package config

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Bounds of what the journal keeps. Below, a clone that was away for a moment would need a whole copy; above is a slip of the pen.
const (
	minKeepRecords = 1_000
	maxKeepRecords = 100_000_000
	minKeepFor     = time.Minute
	maxKeepFor     = 10 * 365 * 24 * time.Hour
)

// journal reads the block journal { keep_records = 100000, keep_for = "168h" }; either may be left out.
func (d *decoder) journal(c *hcl.BodyContent, n *Node) {
	b := d.only(c, "journal")
	if b == nil {
		return
	}
	jc := d.content(b.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "keep_records"}, {Name: "keep_for"}}})
	d.keepRecords(jc, n)
	d.keepFor(jc, n)
}

func (d *decoder) keepRecords(c *hcl.BodyContent, n *Node) {
	v, ok := d.value(c, "keep_records", cty.Number)
	if !ok {
		return
	}
	count, exact := v.AsBigFloat().Uint64()
	if exact != 0 || count < minKeepRecords || count > maxKeepRecords {
		d.faults.add(c.Attributes["keep_records"].Expr.Range(), "Number out of range", "keep_records has to be a whole number between %d and %d", minKeepRecords, maxKeepRecords)
		return
	}
	n.Journal.KeepRecords = count
}

func (d *decoder) keepFor(c *hcl.BodyContent, n *Node) {
	s, ok := d.text(c, "keep_for")
	if !ok {
		return
	}
	at := c.Attributes["keep_for"].Expr.Range()
	keep, err := time.ParseDuration(s)
	switch {
	case err != nil:
		d.faults.add(at, "Invalid duration", "%q has to be a number with a unit, such as \"168h\"", clip(s))
	case keep < minKeepFor || keep > maxKeepFor:
		d.faults.add(at, "Duration out of range", "keep_for has to be between %s and %s", minKeepFor, maxKeepFor)
	default:
		n.Journal.KeepFor = keep
	}
}

package config

import (
	"math/big"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Bounds of what the audit keeps. Below, a busy hour would push out what somebody still wants to see; above is a slip of the pen.
const (
	minAuditRecords = 1_000
	maxAuditRecords = 1_000_000_000
	minAuditFor     = time.Hour
	maxAuditFor     = 100 * 365 * 24 * time.Hour
	maxSample       = 1_000_000_000
)

// Audit says what the audit keeps, of administrators' acts and of runtime events apart. A record goes when it is beyond one of
// the bounds.
type Audit struct {
	KeepRecords uint64        // so many records of each at most
	KeepFor     time.Duration // older ones go; 0 = no such bound
	Decisions   string        // on requests: off, aggregated, sampled, denied
	Sample      uint64        // with sampled: one decision of so many
}

// audit reads the block audit { keep_records = 1000000, keep_for = "8760h", decisions = "aggregated", sample = 1000 }; each may
// be left out.
func (d *decoder) audit(c *hcl.BodyContent, n *Node) {
	b := d.only(c, "audit")
	if b == nil {
		return
	}
	ac := d.content(b.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "keep_records"}, {Name: "keep_for"}, {Name: "decisions"}, {Name: "sample"}}})
	d.between(ac, "keep_records", minAuditRecords, maxAuditRecords, &n.Audit.KeepRecords)
	d.between(ac, "sample", 1, maxSample, &n.Audit.Sample)
	d.auditFor(ac, n)
	s, ok := d.text(ac, "decisions")
	switch {
	case !ok:
	case s == "off" || s == "aggregated" || s == "sampled" || s == "denied":
		n.Audit.Decisions = s
	default:
		d.faults.add(ac.Attributes["decisions"].Expr.Range(), "Invalid decisions", `%q has to be "off", "aggregated", "sampled" or "denied"`, clip(s))
	}
	if a, there := ac.Attributes["sample"]; there && n.Audit.Decisions != "sampled" {
		d.faults.add(a.NameRange, "Useless sample", `sample goes with decisions = "sampled" only`)
	}
}

// between reads a whole number within bounds.
func (d *decoder) between(c *hcl.BodyContent, name string, low, high uint64, to *uint64) {
	v, ok := d.value(c, name, cty.Number)
	if !ok {
		return
	}
	n, exact := v.AsBigFloat().Uint64()
	if exact != big.Exact || n < low || n > high {
		d.faults.add(c.Attributes[name].Expr.Range(), "Number out of range", "%s has to be a whole number between %d and %d", name, low, high)
		return
	}
	*to = n
}

func (d *decoder) auditFor(c *hcl.BodyContent, n *Node) {
	s, ok := d.text(c, "keep_for")
	if !ok {
		return
	}
	at := c.Attributes["keep_for"].Expr.Range()
	keep, err := time.ParseDuration(s)
	switch {
	case err != nil:
		d.faults.add(at, "Invalid duration", "%q has to be a number with a unit, such as \"8760h\"; \"0s\" keeps records of every age", clip(s))
	case keep != 0 && (keep < minAuditFor || keep > maxAuditFor):
		d.faults.add(at, "Duration out of range", "keep_for has to be between %s and %s, or \"0s\" for records of every age", span(minAuditFor), span(maxAuditFor))
	default:
		n.Audit.KeepFor = keep
	}
}

func renderAudit(b *hclwrite.Body, a Audit) {
	if a == Defaults().Audit || a == (Audit{}) {
		return
	}
	b.AppendNewline()
	c := b.AppendNewBlock("audit", nil).Body()
	c.SetAttributeValue("keep_records", cty.NumberUIntVal(a.KeepRecords))
	set(c, "keep_for", a.KeepFor.String())
	set(c, "decisions", a.Decisions)
	if a.Decisions == "sampled" {
		c.SetAttributeValue("sample", cty.NumberUIntVal(a.Sample))
	}
}

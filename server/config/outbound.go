package config

import (
	"net/netip"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// maxRanges is the most ranges of one list; each is asked for every connection.
const maxRanges = 256

// Outbound says which addresses the node may connect to (SEC-48). The zero value allows all but loopback and those that no
// setting opens; a node whose own peer listener is on loopback may connect there all the same.
type Outbound struct {
	Allow         []netip.Prefix // when there are any, only these
	Deny          []netip.Prefix // wins over Allow
	AllowLoopback bool
}

// LoopbackAllowed says whether the node may connect to its own machine: when the file says so, or when other data centers could
// reach it there only, as with `concord dev`.
func (n *Node) LoopbackAllowed() bool {
	ip, err := netip.ParseAddr(host(n.Peer.Address))
	return n.Outbound.AllowLoopback || err == nil && ip.Unmap().IsLoopback()
}

// outbound reads the block outbound { allow = ["10.0.0.0/8"], deny = […], allow_loopback = true }; each may be left out.
func (d *decoder) outbound(c *hcl.BodyContent, n *Node) {
	b := d.only(c, "outbound")
	if b == nil {
		return
	}
	oc := d.content(b.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "allow"}, {Name: "deny"}, {Name: "allow_loopback"}}})
	n.Outbound = Outbound{Allow: d.ranges(oc, "allow"), Deny: d.ranges(oc, "deny"), AllowLoopback: d.boolean(oc, "allow_loopback")}
}

// ranges reads a list of prefixes, or of single addresses.
func (d *decoder) ranges(c *hcl.BodyContent, name string) (out []netip.Prefix) {
	a, there := c.Attributes[name]
	if !there {
		return nil
	}
	v, diags := a.Expr.Value(nil)
	d.faults.take(diags)
	if diags.HasErrors() {
		return nil
	}
	if v.IsNull() || !v.CanIterateElements() || v.Type().IsMapType() || v.Type().IsObjectType() || v.LengthInt() == 0 || v.LengthInt() > maxRanges {
		d.faults.add(a.Expr.Range(), "Wrong type", "%s has to be a list of 1 to %d ranges such as \"10.0.0.0/8\"; leave the line out for none", name, maxRanges)
		return nil
	}
	for _, e := range v.AsValueSlice() {
		p, ok := prefix(e)
		if !ok {
			d.faults.add(a.Expr.Range(), "Invalid range", "%s holds %s, which is no range such as \"10.0.0.0/8\" and no address", name, shown(e))
			continue
		}
		out = append(out, p)
	}
	return out
}

func prefix(v cty.Value) (netip.Prefix, bool) {
	if v.IsNull() || v.Type() != cty.String {
		return netip.Prefix{}, false
	}
	if a, err := netip.ParseAddr(v.AsString()); err == nil && a.Zone() == "" && !a.Is4In6() {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(v.AsString())
	if err != nil || p.Addr().Is4In6() || p != p.Masked() { // bits behind the range are a slip of the pen
		return p, false
	}
	return p, true
}

func shown(v cty.Value) string {
	if v.IsNull() || v.Type() != cty.String {
		return "something that is no text"
	}
	return `"` + clip(v.AsString()) + `"`
}

func renderOutbound(b *hclwrite.Body, o Outbound) {
	if len(o.Allow) == 0 && len(o.Deny) == 0 && !o.AllowLoopback {
		return
	}
	b.AppendNewline()
	ob := b.AppendNewBlock("outbound", nil).Body()
	renderRanges(ob, "allow", o.Allow)
	renderRanges(ob, "deny", o.Deny)
	if o.AllowLoopback {
		ob.SetAttributeValue("allow_loopback", cty.True)
	}
}

// renderRanges writes a list of prefixes that is not empty.
func renderRanges(b *hclwrite.Body, name string, ranges []netip.Prefix) {
	var all []cty.Value
	for _, p := range ranges {
		all = append(all, cty.StringVal(p.String()))
	}
	if len(all) > 0 {
		b.SetAttributeValue(name, cty.ListVal(all))
	}
}

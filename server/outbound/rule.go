package outbound

import (
	"net/netip"
	"slices"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// CodeRefused is the code of the fault for an address that the rule does not allow. Its kind is Unavailable: nobody was asked.
const CodeRefused = "address_refused"

// Rule says which addresses may be dialled. The zero value allows every address but loopback and those that nobody may.
type Rule struct {
	Allow         []netip.Prefix // when there are any, only these
	Deny          []netip.Prefix // wins over Allow
	AllowLoopback bool           // loopback is this machine itself; Allow does not open it
}

// forbidden are ranges that no setting opens.
func forbidden() []struct{ prefix, what string } {
	return []struct{ prefix, what string }{
		{"169.254.0.0/16", "a link-local address, where clouds keep a machine's credentials"},
		{"fe80::/10", "a link-local address"},
		{"fd00:ec2::/32", "an address at which a cloud keeps a machine's credentials"},
		{"fd20:ce::/32", "an address at which a cloud keeps a machine's credentials"},
		{"fd00:42::/32", "an address at which a cloud keeps a machine's credentials"},
		{"192.0.0.192/32", "an address at which a cloud keeps a machine's credentials"},
		{"100.100.100.200/32", "an address at which a cloud keeps a machine's credentials"},
		{"168.63.129.16/32", "an address at which a cloud keeps a machine's credentials"},
		{"0.0.0.0/8", "no address of a machine"},
		{"::/128", "no address of a machine"},
		{"224.0.0.0/4", "a multicast address"},
		{"ff00::/8", "a multicast address"},
		{"240.0.0.0/4", "a reserved address"},
	}
}

// Check says whether an address may be dialled. fault.Unavailable with CodeRefused, which names the rule and the setting.
func (r Rule) Check(a netip.Addr) error {
	for _, seen := range spellings(a) {
		if err := r.check(seen); err != nil {
			return err
		}
	}
	return nil
}

func (r Rule) check(a netip.Addr) error {
	for _, f := range forbidden() {
		if netip.MustParsePrefix(f.prefix).Contains(a) {
			return refuse("%s is %s, which this server never connects to", a, f.what)
		}
	}
	within := func(p netip.Prefix) bool { return p.Contains(a) }
	switch {
	case slices.ContainsFunc(r.Deny, within):
		return refuse("%s lies in a range that outbound { deny } refuses in this node's configuration file", a)
	case a.IsLoopback() && !r.AllowLoopback:
		return refuse("%s is this machine itself; outbound { allow_loopback = true } in this node's configuration file allows that", a)
	case a.IsLoopback():
		return nil
	case len(r.Allow) > 0 && !slices.ContainsFunc(r.Allow, within):
		return refuse("%s lies in none of the ranges that outbound { allow } names in this node's configuration file", a)
	}
	return nil
}

// spellings are the address and the IPv4 addresses that it may carry, when it is one of the forms of IPv6 that do: mapped, compatible,
// translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380) and ISATAP (RFC 5214). Whoever routes them may end there.
func spellings(a netip.Addr) []netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return []netip.Addr{a}
	}
	b := a.As16()
	out := []netip.Addr{a}
	carries := func(prefix string, bytes ...byte) {
		if netip.MustParsePrefix(prefix).Contains(a) {
			out = append(out, netip.AddrFrom4([4]byte(bytes)))
		}
	}
	if a != netip.IPv6Loopback() && !a.IsUnspecified() {
		carries("::/96", b[12:]...)
	}
	carries("::ffff:0:0:0/96", b[12:]...)
	carries("64:ff9b::/96", b[12:]...)
	carries("2002::/16", b[2:6]...)
	carries("2001::/32", b[12]^0xff, b[13]^0xff, b[14]^0xff, b[15]^0xff)
	if b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe {
		carries("::/0", b[12:]...)
	}
	return append(out, translated(a)...)
}

// translated reads an address of the range for NAT64 within a site (RFC 8215). Its operator chooses how long the prefix before the IPv4
// address is (RFC 6052 section 2.2), so each may be meant; bits that are none of it read as a network that nobody has, 0.0.0.0/8.
func translated(a netip.Addr) (out []netip.Addr) {
	if !netip.MustParsePrefix("64:ff9b:1::/48").Contains(a) {
		return nil
	}
	b := a.As16()
	for _, four := range [][4]byte{{b[6], b[7], b[9], b[10]}, {b[7], b[9], b[10], b[11]}, {b[9], b[10], b[11], b[12]}, {b[12], b[13], b[14], b[15]}} {
		if four[0] != 0 {
			out = append(out, netip.AddrFrom4(four))
		}
	}
	return out
}

func refuse(format string, args ...any) error {
	return fault.New(fault.Unavailable, CodeRefused, format, args...)
}

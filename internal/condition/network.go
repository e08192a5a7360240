package condition

import (
	"fmt"
	"net/netip"
)

// Network reads a network of clients in its one spelling: 10.0.0.0/8, 2001:db8::/32, and /32 or /128 for one address. An IPv4
// network in IPv6 clothes is refused, since addresses are compared without them.
func Network(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		if a, bad := netip.ParseAddr(s); bad == nil && a.Zone() == "" {
			return netip.Prefix{}, fmt.Errorf("%q is an address and no network; write %s/%d for it alone", s, a.Unmap(), a.Unmap().BitLen())
		}
		return netip.Prefix{}, fmt.Errorf("%q is no network; write one such as 10.0.0.0/8 or 2001:db8::/32", clip(s))
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is an IPv4 network written as an IPv6 one; write it as IPv4", clip(s))
	}
	if one := p.Masked().String(); one != s {
		return netip.Prefix{}, fmt.Errorf("%q is another spelling of %s; write that", clip(s), one)
	}
	return p, nil
}

// Address reads the address of a client, without zone and without IPv6 clothes; the zero Addr for what is none.
func Address(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return a.WithZone("").Unmap()
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

package identity

import "net/netip"

// by says whose check an attempt is. One network counts as one place: an IPv6 customer has 2^64 addresses.
func (t Attempt) by() by {
	if t.Device != "" {
		return by{source: "device " + t.Device, known: true}
	}
	a, err := netip.ParseAddr(t.Source)
	if err != nil {
		return by{source: t.Source}
	}
	bits := 64
	if a = a.Unmap().WithZone(""); a.Is4() {
		bits = 32
	}
	network, _ := a.Prefix(bits) // the bits fit
	return by{source: network.String()}
}

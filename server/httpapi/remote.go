package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxHops is how many proxies one behind another are followed.
const maxHops = 16

// remoteAddress is where a request comes from: the address at the other end of the connection, or, when that is a trusted proxy, the
// last one in X-Forwarded-For that is none. What stands before it anybody may have written. "" when it cannot be told.
func (s *Server) remoteAddress(c *call) string {
	host, _, err := net.SplitHostPort(c.Request.RemoteAddr)
	if err != nil {
		return ""
	}
	return forwardedFor(host, c.Request.Header, s.c.Proxies)
}

func forwardedFor(peer string, h http.Header, proxies []netip.Prefix) string {
	at, err := netip.ParseAddr(peer)
	if err != nil || !within(at, proxies) {
		return peer
	}
	all := strings.Split(strings.Join(h.Values("X-Forwarded-For"), ","), ",")
	for i := len(all) - 1; i >= max(0, len(all)-maxHops); i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(all[i]))
		if err != nil {
			return at.String() // a proxy that adds no address, or another form of it: as far as is known
		}
		at = a.Unmap()
		if !within(at, proxies) {
			return at.String()
		}
	}
	return at.String()
}

func within(a netip.Addr, networks []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

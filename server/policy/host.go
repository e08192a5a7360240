package policy

import (
	"net/netip"
	"strconv"
	"strings"
)

// canonicalHost spells host[:port] in its one way, or says that there is none.
func canonicalHost(scheme, host string) (string, bool) {
	if host == "" || len(host) > MaxHost {
		return "", false
	}
	name, port, ok := splitPort(host)
	if !ok {
		return "", false
	}
	if name, ok = canonicalName(name); !ok {
		return "", false
	}
	if port == "" || scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		return name, true
	}
	return name + ":" + port, true
}

// splitPort cuts the port off; a colon without a port behind it is refused, as is a port that is not 1 to 65535.
func splitPort(host string) (name, port string, ok bool) {
	end := strings.LastIndexByte(host, ']') + 1 // colons inside [ ] belong to the address
	i := strings.IndexByte(host[end:], ':')
	if i < 0 {
		return host, "", true
	}
	name, port = host[:end+i], host[end+i+1:]
	n, err := strconv.ParseUint(port, 10, 16)
	return name, port, err == nil && n > 0 && port[0] != '0'
}

// canonicalName takes a DNS name, an IPv4 address in four decimals or an IPv6 address in brackets without a zone.
func canonicalName(s string) (string, bool) {
	if inner, isV6 := strings.CutPrefix(s, "["); isV6 {
		inner, closed := strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		if !closed || err != nil || !a.Is6() || a.Zone() != "" {
			return "", false
		}
		return "[" + a.String() + "]", true
	}
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if !validLabel(l) {
			return "", false
		}
	}
	if numeric(labels[len(labels)-1]) { // browsers and resolvers read 127.1 and 0x7f000001 as addresses
		a, err := netip.ParseAddr(s)
		return s, err == nil && a.Is4()
	}
	return s, len(s) <= 253
}

// validLabel takes letters, digits, - and _; an international name comes in its xn-- form.
func validLabel(l string) bool {
	if l == "" || len(l) > 63 {
		return false
	}
	for i := range len(l) {
		c := l[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// numeric says whether a last label makes programs read the whole name as an IPv4 address (WHATWG URL, "ends in a number").
func numeric(l string) bool {
	if h, ok := strings.CutPrefix(l, "0x"); ok {
		return strings.Trim(h, "0123456789abcdef") == ""
	}
	return strings.Trim(l, "0123456789") == ""
}

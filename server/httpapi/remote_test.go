package httpapi_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/httpapi"
)

// SEC-14, SEC-32: what is forwarded is believed of trusted proxies only, and only as far as they have seen it themselves.
func TestWhereARequestComesFrom(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, peer, want string
		forwarded        []string
	}{
		{"a stranger", "192.0.2.1", "192.0.2.1", []string{"203.0.113.9"}},
		{"a proxy", "10.0.0.1", "203.0.113.9", []string{"203.0.113.9"}},
		{"a proxy, of IPv4 in IPv6", "::ffff:10.0.0.1", "203.0.113.9", []string{"203.0.113.9"}},
		{"what a browser wrote before", "10.0.0.1", "203.0.113.9", []string{"198.51.100.1, 203.0.113.9"}},
		{"in a line of its own", "10.0.0.1", "203.0.113.9", []string{"198.51.100.1", "203.0.113.9"}},
		{"two proxies", "fd00::1", "203.0.113.9", []string{"198.51.100.1, 203.0.113.9 ,10.2.3.4"}},
		{"proxies only", "10.0.0.1", "10.2.3.4", []string{"10.2.3.4"}},
		{"nothing", "10.0.0.1", "10.0.0.1", nil},
		{"no address", "10.0.0.1", "10.0.0.1", []string{"203.0.113.9, unknown"}},
		{"no address behind a proxy", "10.0.0.1", "10.2.3.4", []string{"unknown, 10.2.3.4"}},
	} {
		if got := httpapi.ForwardedFor(c.peer, http.Header{"X-Forwarded-For": c.forwarded}, proxies); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

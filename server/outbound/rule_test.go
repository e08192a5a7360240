package outbound_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/outbound"
)

// TestRule is SEC-48's table of addresses: what no setting opens, in every spelling that stands for it, and what settings do.
func TestRule(t *testing.T) {
	t.Parallel()
	open := outbound.Rule{}
	loopback := outbound.Rule{AllowLoopback: true}
	wide := outbound.Rule{AllowLoopback: true, Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	ten := outbound.Rule{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}}
	denied := outbound.Rule{AllowLoopback: true, Allow: ten.Allow, Deny: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16"), netip.MustParsePrefix("127.0.0.53/32")}}
	for _, c := range []struct {
		rule    outbound.Rule
		address string
		why     string // part of the refusal; "" = allowed
	}{
		{open, "192.0.2.7", ""},
		{open, "10.1.2.3", ""},
		{open, "192.168.1.1", ""},
		{open, "172.16.0.1", ""},
		{open, "fd12:3456::1", ""},
		{open, "2001:db8::7", ""},
		{open, "127.0.0.1", "allow_loopback"},
		{open, "127.255.255.254", "allow_loopback"},
		{open, "::1", "allow_loopback"},
		{open, "::ffff:127.0.0.1", "allow_loopback"},
		{open, "::127.0.0.1", "allow_loopback"},
		{open, "64:ff9b::7f00:1", "allow_loopback"},
		{open, "2002:7f00:1::", "allow_loopback"},
		{loopback, "127.0.0.1", ""},
		{loopback, "::1", ""},
		{loopback, "::ffff:127.0.0.1", ""},
		{wide, "169.254.169.254", "link-local"},
		{wide, "169.254.0.1", "link-local"},
		{wide, "::ffff:169.254.169.254", "link-local"},
		{wide, "::ffff:a9fe:a9fe", "link-local"},
		{wide, "::169.254.169.254", "link-local"},
		{wide, "64:ff9b::169.254.169.254", "link-local"},
		{wide, "64:ff9b:1::169.254.169.254", "link-local"},
		{wide, "64:ff9b:1:a9fe:a9:fe00:102:304", "link-local"}, // RFC 6052 section 2.2: behind 48 bits, what follows counts for nothing
		{wide, "64:ff9b:1:7a9:fe:a9fe:102:304", "link-local"},  // behind 56
		{wide, "64:ff9b:1:7:a9:fea9:fe02:304", "link-local"},   // behind 64
		{open, "64:ff9b:1:7f00:0:100:102:304", "allow_loopback"},
		{open, "64:ff9b:1::10.1.2.3", ""},
		{wide, "::ffff:0:169.254.169.254", "link-local"},       // RFC 2765
		{wide, "2001:db8::5efe:169.254.169.254", "link-local"}, // RFC 5214
		{wide, "2001:db8::200:5efe:169.254.169.254", "link-local"},
		{wide, "2001:0:102:304::5601:5601", "link-local"}, // RFC 4380, turned over
		{wide, "2002:a9fe:a9fe::1", "link-local"},
		{wide, "fe80::1", "link-local"},
		{wide, "fe80::1%eth0", "link-local"},
		{wide, "febf::1", "link-local"},
		{wide, "fd00:ec2::254", "credentials"},
		{wide, "fd20:ce::254", "credentials"},
		{wide, "fd00:42::42", "credentials"},
		{wide, "192.0.0.192", "credentials"},
		{wide, "100.100.100.200", "credentials"},
		{wide, "168.63.129.16", "credentials"},
		{wide, "0.0.0.0", "no address"},
		{wide, "0.1.2.3", "no address"},
		{wide, "::", "no address"},
		{wide, "::ffff:0.0.0.0", "no address"},
		{wide, "224.0.0.1", "multicast"},
		{wide, "ff02::1", "multicast"},
		{wide, "255.255.255.255", "reserved"},
		{wide, "240.0.0.1", "reserved"},
		{ten, "10.255.0.1", ""},
		{ten, "::ffff:10.255.0.1", ""},
		{ten, "2001:db8:1::1", ""},
		{ten, "192.168.1.1", "outbound { allow }"},
		{ten, "8.8.8.8", "outbound { allow }"},
		{ten, "127.0.0.1", "allow_loopback"},
		{denied, "10.1.0.1", ""},
		{denied, "10.9.0.1", "outbound { deny }"},
		{denied, "::ffff:10.9.0.1", "outbound { deny }"},
		{denied, "127.0.0.1", ""},
		{denied, "127.0.0.53", "outbound { deny }"},
	} {
		err := c.rule.Check(netip.MustParseAddr(c.address))
		switch {
		case c.why == "" && err != nil, c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why) || fault.CodeOf(err) != outbound.CodeRefused):
			t.Errorf("%s under %+v: %v, want %q", c.address, c.rule, err, c.why)
		}
	}
}

// TestTarget is SEC-48's table of URLs.
func TestTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url       string
		ok, plain bool
	}{
		{"https://ca.example.com", true, true},
		{"https://ca.example.com:9000/base", true, true},
		{"https://[2001:db8::1]:443", true, true},
		{"http://ca.example.com", false, true},
		{"gopher://ca.example.com", false, false},
		{"file:///etc/passwd", false, false},
		{"ftp://ca.example.com", false, false},
		{"https:ca.example.com", false, false},
		{"//ca.example.com", false, false},
		{"ca.example.com:443", false, false},
		{"https://user:password@ca.example.com", false, false},
		{"https://ca.example.com?x=1", false, false},
		{"https://ca.example.com?", false, false},
		{"https://ca.example.com#x", false, false},
		{"https://", false, false},
		{"", false, false},
		{"https://" + strings.Repeat("a", 3000), false, false},
	} {
		for open, want := range map[bool]bool{false: c.ok, true: c.plain} {
			u, err := outbound.New(outbound.Config{AllowOpen: open}).Target(c.url)
			if (err == nil) != want || err == nil && u.String() != c.url {
				t.Errorf("%q, open %t: %v, %v", c.url, open, u, err)
			}
			if err != nil && strings.Contains(err.Error(), "password") {
				t.Errorf("%q is repeated: %v", c.url, err)
			}
		}
	}
}

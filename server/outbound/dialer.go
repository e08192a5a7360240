package outbound

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

const (
	dialTime  = 10 * time.Second // for one connection, all addresses of a name together
	keepAlive = 15 * time.Second
	maxURL    = 2048 // bytes
)

// Config wires a Dialer.
type Config struct {
	Rule      Rule
	AllowOpen bool          // the node may speak without TLS at all (security mode open)
	Resolver  *net.Resolver // nil = the machine's
}

// Dialer opens connections to addresses that the rule allows. Safe for concurrent use.
type Dialer struct {
	c      Config
	dialer *net.Dialer
}

// New makes a dialer.
func New(c Config) *Dialer {
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	return &Dialer{c: c, dialer: &net.Dialer{Timeout: dialTime, KeepAlive: keepAlive, Resolver: c.Resolver, Control: c.Rule.control}}
}

// DialContext connects to host:port, within ten seconds or ctx. It is what http.Transport.DialContext takes. The error holds a
// fault with CodeRefused when the rule allows none of the host's addresses.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, refuse("connections over %s are not made; only TCP", network)
	}
	return d.dialer.DialContext(ctx, network, address)
}

// Check says whether the rule allows a host that is written as an address; a name is looked at when it is dialled. fault.Unavailable
// with CodeRefused.
func (d *Dialer) Check(host string) error {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return nil //nolint:nilerr // a name
	}
	return d.c.Rule.Check(a)
}

// LookupHost gives the addresses of a name, for messages: what is dialled is looked at again.
func (d *Dialer) LookupHost(ctx context.Context, host string) ([]string, error) {
	return d.c.Resolver.LookupHost(ctx, host)
}

// control runs when a name is resolved and a socket made, just before it connects: address is what the kernel is asked for.
func (r Rule) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return refuse("%q is no IP address and port", address)
	}
	return r.Check(at.Addr())
}

// Target reads the URL of a server that an administrator named: https, or http where the node allows security mode open, with a
// host and without a user, a query or a fragment. fault.Invalid.
func (d *Dialer) Target(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, len(text) > maxURL, u.Hostname() == "", u.Opaque != "":
		return nil, fault.New(fault.Invalid, "invalid_url", "That is no address of a server; write https://host:port.") // not repeated: it may hold a password
	case u.Scheme == "http" && !d.c.AllowOpen:
		return nil, fault.New(fault.Invalid, "invalid_url", "http:// is not encrypted, and this node does not allow that (allow_open in its configuration file); write https://%s.", u.Host)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fault.New(fault.Invalid, "invalid_url", "Only https:// is connected to; write https://host:port.")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fault.New(fault.Invalid, "invalid_url", "The address holds a user, a query or a fragment; write https://host:port/path only.")
	}
	return u, nil
}

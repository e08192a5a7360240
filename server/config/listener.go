package config

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

func listenerSchema() *hcl.BodySchema {
	return &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "address", Required: true}, {Name: "advertise"}, {Name: "trusted_proxies"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "tls"}},
	}
}

func tlsSchema() *hcl.BodySchema {
	return &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "cert_file"}, {Name: "key_file"}, {Name: "client_ca_file"}, {Name: "disabled"}}}
}

// listeners decodes the three listener blocks and compares them.
func (d *decoder) listeners(c *hcl.BodyContent, n *Node) {
	seen := map[string]*hcl.Block{}
	var bound []binding
	for _, b := range c.Blocks.OfType("listener") {
		name := b.Labels[0]
		l := n.listener(name)
		switch {
		case l == nil:
			d.faults.add(b.LabelRanges[0], "Unknown listener", "%q is not one of %s", clip(name), strings.Join(ListenerNames(), ", "))
			l = &Listener{} // still decoded, so that what is wrong inside is told in the same run
		case seen[name] != nil:
			d.faults.add(b.DefRange, "Repeated listener", "%q was given on line %d already; keep one", name, seen[name].DefRange.Start.Line)
			l = &Listener{}
		default:
			seen[name] = b
		}
		if at, ok := d.listener(b, l, n.AllowOpen); ok {
			bound = append(bound, binding{name, l.Address, at})
		}
	}
	for _, name := range ListenerNames() {
		if seen[name] == nil {
			d.faults.add(c.MissingItemRange, "Missing listener", "add listener %q { address = \"host:port\" }", name)
		}
	}
	d.distinct(bound)
}

// listener decodes one block; ok says that its address can be compared with the others', and at is where it stands.
func (d *decoder) listener(b *hcl.Block, l *Listener, allowOpen bool) (at hcl.Range, ok bool) {
	c := d.content(b.Body, listenerSchema())
	address, ok := d.text(c, "address")
	if ok {
		at = c.Attributes["address"].Expr.Range()
		if ok = validAddress(address, true); !ok {
			d.faults.add(at, "Invalid address", "%q is not host:port%s", clip(address), portHint(address))
		}
	}
	l.Address, l.Advertise = address, address
	d.advertise(c, l, at, ok)
	l.TrustedProxies = d.ranges(c, "trusted_proxies")
	if t := d.only(c, "tls"); t != nil {
		l.TLS = d.tls(t, b.Labels[0], allowOpen)
	}
	return at, ok
}

func (d *decoder) advertise(c *hcl.BodyContent, l *Listener, at hcl.Range, bound bool) {
	s, given := d.text(c, "advertise")
	switch {
	case given && (!validAddress(s, false) || wildcard(host(s))):
		d.faults.add(c.Attributes["advertise"].Expr.Range(), "Invalid address", "%q is no host:port that another machine could reach", clip(s))
	case given:
		l.Advertise = s
	case c.Attributes["advertise"] == nil && bound && wildcard(host(l.Address)):
		d.faults.add(at, "Missing advertise", "%q listens on every address; say with advertise = \"host:port\" which one others use", l.Address)
	}
}

func (d *decoder) tls(b *hcl.Block, name string, allowOpen bool) TLS {
	c := d.content(b.Body, tlsSchema())
	var t TLS
	t.CertFile = d.path(c, "cert_file")
	t.KeyFile = d.path(c, "key_file")
	t.ClientCAFile = d.path(c, "client_ca_file")
	t.Disabled = d.boolean(c, "disabled")
	switch {
	case t.Disabled && len(c.Attributes) > 1:
		d.faults.add(c.Attributes["disabled"].Expr.Range(), "Contradiction", "a listener without TLS takes no files; remove them or disabled")
		return t
	case t.Disabled && name == ListenerPeer && !allowOpen:
		d.faults.add(c.Attributes["disabled"].Expr.Range(), "Refused", "the peer listener without TLS needs allow_open = true; other data centers could not know who answers")
	case t.ClientCAFile != "" && name == ListenerPeer:
		d.faults.add(c.Attributes["client_ca_file"].Expr.Range(), "Refused", "the peer listener believes the certificates that are declared as trusted, and no file; remove client_ca_file")
	case (c.Attributes["cert_file"] == nil) != (c.Attributes["key_file"] == nil):
		d.faults.add(b.DefRange, "Half a key pair", "cert_file and key_file belong together; give both or neither")
	}
	d.keyPair(c, t)
	d.pool(c, t.ClientCAFile)
	return t
}

// keyPair proves at once what would otherwise fail when the listener opens.
func (d *decoder) keyPair(c *hcl.BodyContent, t TLS) {
	if t.CertFile == "" || t.KeyFile == "" {
		return
	}
	if _, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile); err != nil {
		d.faults.add(c.Attributes["cert_file"].Expr.Range(), "Unusable certificate", "%v", err)
	}
}

// pool refuses a file without certificates: an empty pool would either take nobody or, read as absent, anybody (SEC-42).
func (d *decoder) pool(c *hcl.BodyContent, file string) {
	if file == "" {
		return
	}
	at := c.Attributes["client_ca_file"].Expr.Range()
	text, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		d.faults.add(at, "Unreadable file", "%v", err)
		return
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		d.faults.add(at, "No certificate", "%s holds no PEM certificate", file)
	}
}

// binding is an address and where it was written.
type binding struct {
	name, address string
	at            hcl.Range
}

// distinct notes each address that an earlier listener holds, also by way of "every address".
func (d *decoder) distinct(all []binding) {
	for i, b := range all {
		j := slices.IndexFunc(all[:i], func(a binding) bool { return collide(a.address, b.address) })
		if j >= 0 {
			d.faults.add(b.at, "Address used twice", "listener %q on line %d has %s", all[j].name, all[j].at.Start.Line, all[j].address)
		}
	}
}

func collide(a, b string) bool {
	ha, pa, _ := net.SplitHostPort(a)
	hb, pb, _ := net.SplitHostPort(b)
	return pa == pb && pa != "0" && (strings.EqualFold(ha, hb) || wildcard(ha) || wildcard(hb))
}

func validAddress(s string, mayChoose bool) bool {
	h, p, err := net.SplitHostPort(s)
	port, perr := strconv.Atoi(p)
	return err == nil && perr == nil && len(s) <= 300 && port < 65536 && (port > 0 || mayChoose && port == 0) &&
		strconv.Itoa(port) == p && !strings.ContainsAny(h, " /@?#\\\t\r\n")
}

// portHint explains a port that is a number but none of a port.
func portHint(s string) string {
	_, p, err := net.SplitHostPort(s)
	if n, perr := strconv.Atoi(p); err != nil || perr != nil || n >= 0 && n < 65536 {
		return ""
	}
	return "; a port lies between 1 and 65535, and 0 lets the system choose"
}

func host(address string) string {
	h, _, _ := net.SplitHostPort(address)
	return h
}

func wildcard(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

const (
	maxEndpoints = 16
	maxPrefix    = 64 // bytes; it is sent with each key

	minEtcdTimeout = 100 * time.Millisecond
	maxEtcdTimeout = time.Minute

	defaultEtcdTimeout = 5 * time.Second
)

// Etcd is a cluster that keeps the data center's records in place of Badger.
type Etcd struct {
	Endpoints      []string // http://host:port or https://host:port, all of one scheme
	Prefix         string   // of all keys; "" in the file = concord/<cluster_id>
	Username       string   // "" = without
	PasswordFile   string   // absolute; goes with Username
	CACertFile     string   // PEM, absolute; "" = the machine's roots
	ClientCertFile string   // PEM, absolute; "" = none
	ClientKeyFile  string   // PEM, absolute; goes with ClientCertFile
	DialTimeout    time.Duration
	RequestTimeout time.Duration // of one call with its repetitions
}

// store reads the block store "badger" {} or store "etcd" { … }. Without it the store is badger.
func (d *decoder) store(c *hcl.BodyContent, n *Node) {
	b := d.only(c, "store")
	if b == nil {
		return
	}
	switch b.Labels[0] {
	case "badger":
		d.content(b.Body, &hcl.BodySchema{})
	case "etcd":
		d.etcd(b, n)
	default:
		d.faults.add(b.LabelRanges[0], "Unknown store", `%q is no store; write store "badger" {} or store "etcd" { … }`, clip(b.Labels[0]))
	}
}

func (d *decoder) etcd(b *hcl.Block, n *Node) {
	c := d.content(b.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "endpoints", Required: true}, {Name: "prefix"},
		{Name: "username"}, {Name: "password_file"}, {Name: "ca_cert_file"}, {Name: "client_cert_file"}, {Name: "client_key_file"},
		{Name: "dial_timeout"}, {Name: "request_timeout"}}})
	e := &Etcd{Endpoints: d.endpoints(c, n.AllowOpen), Prefix: d.keyPrefix(c, n.ClusterID), PasswordFile: d.secretFile(c, "password_file"),
		CACertFile: d.path(c, "ca_cert_file"), ClientCertFile: d.path(c, "client_cert_file"), ClientKeyFile: d.secretFile(c, "client_key_file"),
		DialTimeout: d.etcdTimeout(c, "dial_timeout"), RequestTimeout: d.etcdTimeout(c, "request_timeout")}
	e.Username, _ = d.text(c, "username")
	d.together(c, "username", "password_file")
	d.together(c, "client_cert_file", "client_key_file")
	if len(e.Endpoints) > 0 && strings.HasPrefix(e.Endpoints[0], "http://") {
		for _, name := range []string{"ca_cert_file", "client_cert_file", "client_key_file"} {
			if a, there := c.Attributes[name]; there {
				d.faults.add(a.Range, "Useless file", "%s is for https endpoints, and these are http", name)
			}
		}
	}
	n.Etcd = e
}

// together wants both of two attributes or none.
func (d *decoder) together(c *hcl.BodyContent, one, other string) {
	a, there := c.Attributes[one]
	b, with := c.Attributes[other]
	switch {
	case there && !with:
		d.faults.add(a.Range, "Missing "+other, "%s needs %s beside it", one, other)
	case with && !there:
		d.faults.add(b.Range, "Missing "+one, "%s needs %s beside it", other, one)
	}
}

// endpoints takes a list of URLs of one scheme. What goes there is every secret of the data center, wrapped, and every session,
// in clear: without TLS only to this machine, or where the node may do without TLS altogether.
func (d *decoder) endpoints(c *hcl.BodyContent, open bool) (out []string) {
	a, there := c.Attributes["endpoints"]
	if !there {
		return nil // noted as missing
	}
	v, diags := a.Expr.Value(nil)
	d.faults.take(diags)
	if diags.HasErrors() {
		return nil
	}
	if v.IsNull() || !v.CanIterateElements() || v.Type().IsMapType() || v.Type().IsObjectType() || v.LengthInt() == 0 || v.LengthInt() > maxEndpoints {
		d.faults.add(a.Expr.Range(), "Wrong type", `endpoints has to be a list of 1 to %d URLs such as "https://etcd1.example.com:2379"`, maxEndpoints)
		return nil
	}
	for _, e := range v.AsValueSlice() {
		u, ok := endpoint(e)
		switch {
		case !ok:
			d.faults.add(a.Expr.Range(), "Invalid endpoint", `endpoints holds %s, which is not https://host:port or http://host:port and nothing more`, shown(e))
		case len(out) > 0 && !strings.HasPrefix(out[0], u.Scheme+"://"):
			d.faults.add(a.Expr.Range(), "Mixed endpoints", "endpoints have to be all https or all http")
		case u.Scheme == "http" && !open && !loopback(u.Hostname()):
			d.faults.add(a.Expr.Range(), "Endpoint without TLS", "%s would carry every session in clear over the network; use https, or set allow_open = true", u)
		default:
			out = append(out, u.Scheme+"://"+u.Host)
		}
	}
	return out
}

func endpoint(v cty.Value) (*url.URL, bool) {
	if v.IsNull() || v.Type() != cty.String {
		return nil, false
	}
	u, err := url.Parse(v.AsString())
	ok := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.Port() != "" && strings.Trim(u.Path, "/") == "" &&
		u.User == nil && u.RawQuery == "" && u.Fragment == "" && len(u.Host) <= 300
	return u, ok
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

var prefixForm = regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$`)

func (d *decoder) keyPrefix(c *hcl.BodyContent, clusterID string) string {
	s, ok := d.text(c, "prefix")
	switch {
	case !ok && len("concord/"+clusterID) > maxPrefix:
		return clusterID
	case !ok:
		return "concord/" + clusterID
	}
	s = strings.Trim(s, "/")
	if len(s) > maxPrefix || !prefixForm.MatchString(s) {
		d.faults.add(c.Attributes["prefix"].Expr.Range(), "Invalid prefix", `%q has to be words of letters, digits, ".", "_" and "-" with "/" between them, at most %d bytes`, clip(s), maxPrefix)
	}
	return s
}

func (d *decoder) etcdTimeout(c *hcl.BodyContent, name string) time.Duration {
	s, ok := d.text(c, name)
	if !ok {
		return defaultEtcdTimeout
	}
	at := c.Attributes[name].Expr.Range()
	t, err := time.ParseDuration(s)
	switch {
	case err != nil:
		d.faults.add(at, "Invalid duration", "%q has to be a number with a unit, such as \"5s\"", clip(s))
	case t < minEtcdTimeout || t > maxEtcdTimeout:
		d.faults.add(at, "Duration out of range", "%s has to be between %s and %s", name, minEtcdTimeout, maxEtcdTimeout)
	default:
		return t
	}
	return defaultEtcdTimeout
}

func renderStore(b *hclwrite.Body, n *Node) {
	b.AppendNewline()
	if n.Etcd == nil {
		if store, diags := hclwrite.ParseConfig([]byte("store \"badger\" {}\n"), "", hcl.InitialPos); !diags.HasErrors() { // on one line, as people write it
			b.AppendUnstructuredTokens(store.BuildTokens(nil))
		}
		return
	}
	s := b.AppendNewBlock("store", []string{"etcd"}).Body()
	var all []cty.Value
	for _, e := range n.Etcd.Endpoints {
		all = append(all, cty.StringVal(e))
	}
	s.SetAttributeValue("endpoints", cty.ListVal(all))
	for _, a := range [][2]string{{"prefix", n.Etcd.Prefix}, {"username", n.Etcd.Username}, {"password_file", n.Etcd.PasswordFile},
		{"ca_cert_file", n.Etcd.CACertFile}, {"client_cert_file", n.Etcd.ClientCertFile}, {"client_key_file", n.Etcd.ClientKeyFile},
		{"dial_timeout", fmt.Sprint(n.Etcd.DialTimeout)}, {"request_timeout", fmt.Sprint(n.Etcd.RequestTimeout)}} {
		set(s, a[0], a[1])
	}
}

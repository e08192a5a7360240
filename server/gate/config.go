package gate

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Defaults of Config.
const (
	DefaultTimeout = 5 * time.Second
	DefaultDrain   = 20 * time.Second
)

// Config is everything that a gate needs to know. Load makes it from a file; Clock and Logger are handed in.
type Config struct {
	ClusterID      string         // of the data center that the primaries belong to; answers must carry exactly it
	Agent          string         // name under which the gate is registered
	Secret         mdc.Secret     // the agent's secret, in plain text; none when it shows a certificate
	ClientCertFile string         // the certificate that it shows to the Concord servers, and renews; "" = it shows its secret
	ClientKeyFile  string         //
	Listen         string         // host:port
	Upstream       string         // http(s)://host:port of the application
	Servers        []Server       // Concord servers of the own data center, tried in turn
	Secondaries    []Server       // servers of other data centers, asked when no primary answers
	CAFile         string         // PEM roots of the Concord servers' certificates, followed when they change; "" = RootCAs
	RootCAs        *x509.CertPool // the same, fixed; nil = the system's
	CertFile       string         // the gate's own certificate and key; "" = plain HTTP
	KeyFile        string         //
	ExternalScheme string         // http or https as browsers see it, when something in front ends TLS; "" = as CertFile says
	Timeout        time.Duration  // for one answer of Concord; 0 = DefaultTimeout
	Drain          time.Duration  // how long Run lets requests finish at the end; 0 = DefaultDrain
	Clock          clock.Clock
	Logger         *slog.Logger
}

// Server is one Concord server.
type Server struct {
	Node string // node name, which its answers must carry
	URL  string // https://host:port of its runtime listener; http only on loopback
}

func (c *Config) setDefaults() {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Drain == 0 {
		c.Drain = DefaultDrain
	}
	if c.ExternalScheme == "" {
		c.ExternalScheme = "http"
		if c.CertFile != "" {
			c.ExternalScheme = "https"
		}
	}
}

// faults gives everything that is wrong; the pointers name attributes as the file does: /server/ny1/url.
func (c *Config) faults() []fault.Field {
	var out []fault.Field
	want := func(ok bool, pointer, format string, args ...any) {
		if !ok {
			out = append(out, fault.Field{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
		}
	}
	want(mdc.ValidClusterID(c.ClusterID), "/cluster_id", "%.80q is no cluster id: 1 to 63 letters and digits, starting with a letter", c.ClusterID)
	want(mdc.ValidAgentName(c.Agent), "/agent", "%.80q is no agent name: 1 to 64 of letters, digits and -", c.Agent)
	want(isHostPort(c.Listen), "/listen", "%.80q is not host:port", c.Listen)
	want(plainURL(c.Upstream), "/upstream", "%.80q is not http://host:port or https://host:port", c.Upstream)
	want(c.ExternalScheme == "" || c.ExternalScheme == "http" || c.ExternalScheme == "https", "/external_scheme", "%.80q is neither http nor https", c.ExternalScheme)
	want((c.CertFile == "") == (c.KeyFile == ""), "/tls", "needs cert_file and key_file together")
	want(c.CertFile != "" || c.ExternalScheme == "https" || !c.anyTLS(), "/tls",
		"is missing: browsers keep Concord's cookies over https only. Give cert_file and key_file, or external_scheme = \"https\" when something in front of the gate ends TLS; a gate without TLS works only with servers whose listeners have TLS disabled")
	want(c.Timeout >= 0 && c.Timeout <= time.Minute, "/timeout", "%s is not between 0s and 1m", c.Timeout)
	want(len(c.Servers) > 0, "/server", "is missing; name at least one server of the gate's own data center: server \"NODE\" { url = \"https://host:7401\" }")
	c.credentialFaults(want)
	return append(out, serverFaults(c.Servers, c.Secondaries)...)
}

// credentialFaults wants either a secret or a certificate: with both nobody could say which one is in use.
func (c *Config) credentialFaults(want func(ok bool, pointer, format string, args ...any)) {
	secret, given := c.Secret.Plain()
	certificate := c.ClientCertFile != "" || c.ClientKeyFile != ""
	switch {
	case certificate && given:
		want(false, "/secret_file", "stands beside client_cert_file; the gate shows either its secret or its certificate, so remove one")
	case certificate:
		want(c.ClientCertFile != "" && c.ClientKeyFile != "", "/tls", "needs client_cert_file and client_key_file together")
		for _, s := range append(append([]Server(nil), c.Servers...), c.Secondaries...) {
			want(strings.HasPrefix(s.URL, "https://"), "/tls", "a certificate is shown over TLS only, but %.80s has none", s.URL)
		}
	default:
		want(len(secret) >= mdc.MinAgentSecret && len(secret) <= 1024 && !strings.ContainsAny(secret, "\r\n\x00"), "/secret_file",
			"does not hold one line of %d to 1,024 characters", mdc.MinAgentSecret)
	}
}

// anyTLS says whether a server's runtime listener has TLS: its cookies then carry the prefixes that need https.
func (c *Config) anyTLS() bool {
	for _, s := range append(append([]Server(nil), c.Servers...), c.Secondaries...) {
		if strings.HasPrefix(s.URL, "https://") {
			return true
		}
	}
	return false
}

func serverFaults(primaries, secondaries []Server) []fault.Field {
	var out []fault.Field
	seen := map[string]bool{}
	check := func(kind string, list []Server) {
		for _, s := range list {
			at := "/" + kind + "/" + s.Node
			if !mdc.ValidClusterID(s.Node) {
				out = append(out, fault.Field{Pointer: at, Detail: fmt.Sprintf("%.80q is no node name: 1 to 63 letters and digits, starting with a letter", s.Node)})
			}
			if !serverURL(s.URL) {
				out = append(out, fault.Field{Pointer: at + "/url", Detail: fmt.Sprintf("%.80q is not https://host:port; plain http is taken on loopback only, because the secret travels with each request", s.URL)})
			}
			if seen[s.URL] {
				out = append(out, fault.Field{Pointer: at + "/url", Detail: "is the address of another block too"})
			}
			seen[s.URL] = true
		}
	}
	check("server", primaries)
	check("secondary", secondaries)
	return out
}

func isHostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	n, perr := strconv.ParseUint(port, 10, 16)
	return err == nil && perr == nil && strconv.FormatUint(n, 10) == port
}

// plainURL takes scheme and host only: a path in the upstream's address would make the decided path another one.
func plainURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		(u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == "" && len(s) <= 300
}

func serverURL(s string) bool {
	if !plainURL(s) {
		return false
	}
	u, _ := url.Parse(s) // parsed above
	if u.Scheme == "https" || strings.EqualFold(u.Hostname(), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.Unmap().IsLoopback()
}

package agent

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Defaults of Config.
const (
	DefaultTimeout       = 5 * time.Second
	DefaultRefresh       = time.Minute
	DefaultConnectionAge = 10 * time.Minute
)

// Config is everything that an agent needs to know.
type Config struct {
	ClusterID string // of the data center that Servers belong to; answers must carry exactly it
	Name      string // under which the agent is registered: a concord_agent's

	Secret         Secret // the agent's; none when it shows a certificate
	ClientCertFile string // the certificate that it shows to the Concord servers, and renews; "" = it shows its secret
	ClientKeyFile  string //

	Servers     []Server       // Concord servers of the own data center, tried in turn
	Secondaries []Server       // servers of other data centers, asked when no primary answers
	CAFile      string         // PEM roots of the Concord servers' certificates, followed when they change; "" = RootCAs
	RootCAs     *x509.CertPool // the same, fixed; nil = the system's

	Scheme        string        // http or https, as browsers see the application; "" = https
	Timeout       time.Duration // for one answer of Concord, up to a minute; 0 = DefaultTimeout
	Refresh       time.Duration // how often Run asks how the agent is registered, from 1s to 24h; 0 = DefaultRefresh
	ConnectionAge time.Duration // after which connections to Concord are replaced (OAM-13), from 1s to 24h; 0 = DefaultConnectionAge

	Clock  Clock        // nil = the machine's
	Logger *slog.Logger // nil = silent
}

// Server is one Concord server.
type Server struct {
	Node      string // node name, which its answers must carry
	URL       string // https://host:port of its runtime listener; http only on loopback
	ClusterID string // of a secondary: which its answers must carry; "" = any
}

// Clock tells the time.
type Clock interface{ Now() time.Time }

// Secret is an agent's secret. It does not print or log itself (SEC-68).
type Secret string

const redacted = "[redacted]"

// String hides the secret.
func (Secret) String() string { return redacted }

// GoString hides the secret.
func (Secret) GoString() string { return redacted }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

type system struct{}

func (system) Now() time.Time { return time.Now().UTC() }

func (c *Config) setDefaults() {
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.Refresh = cmp.Or(c.Refresh, DefaultRefresh)
	c.ConnectionAge = cmp.Or(c.ConnectionAge, DefaultConnectionAge)
	c.Scheme = cmp.Or(c.Scheme, "https")
	if c.Clock == nil {
		c.Clock = system{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Faults gives everything that is wrong; the pointers name the fields as a file would: /server/ny1/url.
func (c *Config) Faults() []Fault {
	var out []Fault
	want := func(ok bool, pointer, format string, args ...any) {
		if !ok {
			out = append(out, Fault{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
		}
	}
	want(mdc.ValidClusterID(c.ClusterID), "/cluster_id", "%.80q is no cluster id: 1 to 63 letters and digits, starting with a letter", c.ClusterID)
	want(mdc.ValidAgentName(c.Name), "/agent", "%.80q is no agent name: 1 to 64 of letters, digits and -", c.Name)
	want(c.Scheme == "" || c.Scheme == "http" || c.Scheme == "https", "/scheme", "%.80q is neither http nor https", c.Scheme)
	want(c.Scheme != "http" || !c.AnyTLS(), "/scheme", "is http, but browsers keep Concord's cookies over https only; it works with servers whose listeners have TLS disabled")
	want(c.Timeout >= 0 && c.Timeout <= time.Minute, "/timeout", "%s is not between 0s and 1m", c.Timeout)
	want(c.Refresh == 0 || c.Refresh >= time.Second && c.Refresh <= 24*time.Hour, "/refresh", "%s is not between 1s and 24h", c.Refresh)
	want(c.ConnectionAge == 0 || c.ConnectionAge >= time.Second && c.ConnectionAge <= 24*time.Hour, "/connection_age", "%s is not between 1s and 24h", c.ConnectionAge)
	want(len(c.Servers) > 0, "/server", "is missing; name at least one server of the agent's own data center: server \"NODE\" { url = \"https://host:7401\" }")
	c.credentialFaults(want)
	return append(out, serverFaults(c.Servers, c.Secondaries)...)
}

// Fault is one thing that is wrong with a Config.
type Fault = fault.Field

// credentialFaults wants either a secret or a certificate: with both nobody could say which one is in use.
func (c *Config) credentialFaults(want func(ok bool, pointer, format string, args ...any)) {
	secret := string(c.Secret)
	certificate := c.ClientCertFile != "" || c.ClientKeyFile != ""
	switch {
	case certificate && secret != "":
		want(false, "/secret", "stands beside client_cert_file; the gate shows either its secret or its certificate, so remove one")
	case certificate:
		want(c.ClientCertFile != "" && c.ClientKeyFile != "", "/client_cert_file", "needs client_cert_file and client_key_file together")
		for _, s := range c.all() {
			want(strings.HasPrefix(s.URL, "https://"), "/client_cert_file", "a certificate is shown over TLS only, but %.80s has none", s.URL)
		}
	default:
		want(len(secret) >= mdc.MinAgentSecret && len(secret) <= 1024 && !strings.ContainsAny(secret, "\r\n\x00"), "/secret",
			"does not hold one line of %d to 1,024 characters", mdc.MinAgentSecret)
	}
}

func (c *Config) all() []Server { return append(append([]Server(nil), c.Servers...), c.Secondaries...) }

// AnyTLS says whether a server's runtime listener has TLS: its cookies then carry the prefixes that need https.
func (c *Config) AnyTLS() bool {
	for _, s := range c.all() {
		if strings.HasPrefix(s.URL, "https://") {
			return true
		}
	}
	return false
}

func serverFaults(primaries, secondaries []Server) []Fault {
	var out []Fault
	seen := map[string]bool{}
	check := func(kind string, list []Server) {
		for _, s := range list {
			at := "/" + kind + "/" + s.Node
			if !mdc.ValidClusterID(s.Node) {
				out = append(out, Fault{Pointer: at, Detail: fmt.Sprintf("%.80q is no node name: 1 to 63 letters and digits, starting with a letter", s.Node)})
			}
			if !mdc.ValidServerURL(s.URL) {
				out = append(out, Fault{Pointer: at + "/url", Detail: fmt.Sprintf("%.80q is not https://host:port; plain http is taken on loopback only, because the secret travels with each request", s.URL)})
			}
			if s.ClusterID != "" && (kind == "server" || !mdc.ValidClusterID(s.ClusterID)) {
				out = append(out, Fault{Pointer: at + "/cluster_id", Detail: fmt.Sprintf("%.80q is no cluster id of another data center, which a secondary may name", s.ClusterID)})
			}
			if seen[s.URL] {
				out = append(out, Fault{Pointer: at + "/url", Detail: "is the address of another block too"})
			}
			seen[s.URL] = true
		}
	}
	check("server", primaries)
	check("secondary", secondaries)
	return out
}

package gate

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/concord-access/terraform-provider-concord/agent"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// DefaultDrain is how long Run lets requests finish when Config does not say.
const DefaultDrain = 20 * time.Second

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
	Timeout        time.Duration  // for one answer of Concord; 0 = agent.DefaultTimeout
	Refresh        time.Duration  // how often the registration is asked for; 0 = agent.DefaultRefresh
	ConnectionAge  time.Duration  // after which connections to Concord are replaced; 0 = agent.DefaultConnectionAge
	Drain          time.Duration  // how long Run lets requests finish at the end; 0 = DefaultDrain
	Clock          clock.Clock
	Logger         *slog.Logger
}

// Server is one Concord server.
type Server = agent.Server

func (c *Config) setDefaults() {
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
	asks := c.agent()
	want(isHostPort(c.Listen), "/listen", "%.80q is not host:port", c.Listen)
	want(mdc.PlainURL(c.Upstream), "/upstream", "%.80q is not http://host:port or https://host:port", c.Upstream)
	want(c.ExternalScheme == "" || c.ExternalScheme == "http" || c.ExternalScheme == "https", "/external_scheme", "%.80q is neither http nor https", c.ExternalScheme)
	want((c.CertFile == "") == (c.KeyFile == ""), "/tls", "needs cert_file and key_file together")
	want(c.CertFile != "" || c.ExternalScheme == "https" || !asks.AnyTLS(), "/tls",
		"is missing: browsers keep Concord's cookies over https only. Give cert_file and key_file, or external_scheme = \"https\" when something in front of the gate ends TLS; a gate without TLS works only with servers whose listeners have TLS disabled")
	for _, f := range asks.Faults() {
		switch f.Pointer { // as they are called in the file
		case "/scheme":
			continue // seen to above
		case "/secret":
			f.Pointer = "/secret_file"
		case "/client_cert_file":
			f.Pointer = "/tls"
		}
		out = append(out, f)
	}
	return out
}

// agent is the part of the configuration that says how Concord is asked.
func (c *Config) agent() agent.Config {
	secret, _ := c.Secret.Plain()
	return agent.Config{ClusterID: c.ClusterID, Name: c.Agent, Secret: agent.Secret(secret), ClientCertFile: c.ClientCertFile, ClientKeyFile: c.ClientKeyFile,
		Servers: c.Servers, Secondaries: c.Secondaries, CAFile: c.CAFile, RootCAs: c.RootCAs, Scheme: c.ExternalScheme, Timeout: c.Timeout, Refresh: c.Refresh,
		ConnectionAge: c.ConnectionAge, Clock: c.Clock, Logger: c.Logger}
}

func isHostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	n, perr := strconv.ParseUint(port, 10, 16)
	return err == nil && perr == nil && strconv.FormatUint(n, 10) == port
}

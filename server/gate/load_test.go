package gate_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/gate"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// write puts files into a new folder and gives the path of gate.hcl.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "gate.hcl")
}

const whole = `
cluster_id  = "NYDC"
agent       = "portal"
secret_file = "secret"
listen      = "127.0.0.1:8001"
upstream    = "http://127.0.0.1:9001"
ca_file     = "ca.pem"
timeout     = "3s"

server "ny1" { url = "https://ny1.example:7401" }
server "ny2" { url = "https://ny2.example:7401/" }
secondary "ldn1" { url = "http://127.0.0.1:7411" }
tls {
  cert_file = "cert.pem"
  key_file  = "key.pem"
}
`

func TestLoadReadsTheWholeFile(t *testing.T) {
	certPEM, keyPEM := selfSigned(t, "gate.example")
	path := write(t, map[string]string{"gate.hcl": whole, "secret": secret + "\n", "ca.pem": certPEM, "cert.pem": certPEM, "key.pem": keyPEM})
	c, err := gate.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if plain, _ := c.Secret.Plain(); plain != secret || c.CAFile == "" || c.ClusterID != "NYDC" || c.Agent != "portal" || c.Timeout != 3*time.Second {
		t.Errorf("got %+v", c)
	}
	if d := cmp.Diff([]gate.Server{{Node: "ny1", URL: "https://ny1.example:7401"}, {Node: "ny2", URL: "https://ny2.example:7401"}}, c.Servers); d != "" {
		t.Error(d)
	}
	if len(c.Secondaries) != 1 || c.CertFile != filepath.Join(filepath.Dir(path), "cert.pem") {
		t.Errorf("got %+v", c)
	}
	c.Clock, c.Logger = clock.System{}, slog.New(slog.DiscardHandler)
	if _, err := gate.New(c); err != nil {
		t.Errorf("what Load took, New refuses: %v", err)
	}
}

// Unknown keys are refused with file, line and column, and every fault comes in one run.
func TestLoadReportsEveryFaultWithItsPlace(t *testing.T) {
	path := write(t, map[string]string{"secret": "short\n", "gate.hcl": `cluster_id  = "NY-DC"
agent       = "por tal"
secret_file = "secret"
listen      = "nowhere"
upstream    = "http://127.0.0.1:9001/base"
colour      = "blue"
ca_file     = "missing.pem"
timeout     = "5"
external_scheme = "ftp"
server "ny1" {
  url  = "http://ny1.example:7401"
  port = 3
}
server "ny1" { url = "https://ny1.example:7401" }
secondary "l-1" {}
surprise {}
tls { cert_file = "a" }
`})
	_, err := gate.Load(path)
	if !fault.Is(err, fault.Invalid) || fault.CodeOf(err) != "invalid_configuration" {
		t.Fatalf("got %v", err)
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{
		`:1,15: cluster_id "NY-DC" is no cluster id`, `:2,15: agent "por tal" is no agent name`, `:3,15: secret_file does not hold one line of 16`,
		`:4,15: listen "nowhere" is not host:port`, `:5,15: upstream "http://127.0.0.1:9001/base" is not`, `:6,1: Unsupported argument`, `:7,15: read roots: open`,
		`:8,15: timeout is a duration with a unit`, `:9,19: external_scheme "ftp" is neither`, `:11,10: server/ny1/url "http://ny1.example:7401" is not https`,
		`:12,3: Unsupported argument`, `:14,1: server "ny1" is there twice`, `:15,11: secondary/l-1 "l-1" is no node name`, `Missing required argument`, `:16,1: Unsupported block type`, `:17,1: tls needs cert_file and key_file together`,
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q is missing", w)
		}
	}
	for _, l := range lines {
		if !strings.HasPrefix(l, path+":") {
			t.Errorf("no place: %q", l)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestLoadRefusesWhatIsNotThere(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"empty file":     {"", "Missing required argument"},
		"no server":      {strings.ReplaceAll(whole[:strings.Index(whole, "server")], "ca_file", "#"), "server is missing"},
		"no HCL":         {"cluster_id = = 1", ":1,14: "},
		"null":           {"cluster_id = null", "cluster_id is a text that is not empty"},
		"variable":       {"cluster_id = var.x", "cluster_id: "},
		"list":           {`agent = ["a"]`, "agent is a text"},
		"empty secret":   {`secret_file = ""`, "secret_file is a text that is not empty"},
		"secret missing": {`secret_file = "none"`, "no such file"},
		"bad tls":        {"tls {\n cert_file = \"x\"\n key_file = \"y\"\n}", "read certificate"},
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := gate.Load(write(t, map[string]string{"gate.hcl": x.text, "secret": secret}))
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Fatalf("got %v", err)
			}
		})
	}
	if _, err := gate.Load(filepath.Join(t.TempDir(), "none.hcl")); !fault.Is(err, fault.Invalid) {
		t.Errorf("no file: %v", err)
	}
}

func TestNewRefusesBadWiring(t *testing.T) {
	if _, err := gate.New(gate.Config{}); err == nil {
		t.Error("a gate without clock and logger was made")
	}
	_, err := gate.New(gate.Config{Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)})
	if f, ok := err.(*fault.Error); !ok || len(f.Fields) < 5 {
		t.Errorf("not every fault at once: %v", err)
	}
}

// Proves SEC-68 for the configuration: printing it does not print the secret.
func TestConfigHidesItsSecret(t *testing.T) {
	c, _ := gate.Load(write(t, map[string]string{"gate.hcl": `secret_file = "secret"`, "secret": secret}))
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("configuration", "config", c, "secret", c.Secret)
	if plain, _ := c.Secret.Plain(); plain != secret || strings.Contains(log.String(), secret) {
		t.Errorf("secret %q, log %s", plain, log.String())
	}
}

// TestPlainGateNeedsPlainServers: over http browsers do not keep the cookies that a server with TLS makes (STD-06), so
// people would be sent to sign in for ever.
func TestPlainGateNeedsPlainServers(t *testing.T) {
	t.Parallel()
	c := gate.Config{ClusterID: "NYDC", Agent: "portal", Secret: mdc.NewSecret("a secret of some length"), Listen: "127.0.0.1:0", Upstream: "http://127.0.0.1:1",
		Servers: []gate.Server{{Node: "ny1", URL: "https://127.0.0.1:2"}}, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)}
	if _, err := gate.New(c); err == nil || !strings.Contains(err.Error(), "/tls: is missing") {
		t.Errorf("plain gate, TLS server: %v, want the missing tls block named", err)
	}
	c.ExternalScheme = "https"
	if _, err := gate.New(c); err != nil {
		t.Errorf("TLS ended in front of the gate: %v", err)
	}
}

// TestLoadTakesACertificateInPlaceOfTheSecret: one of the two, both files of it, and over TLS only.
func TestLoadTakesACertificateInPlaceOfTheSecret(t *testing.T) {
	t.Parallel()
	certPEM, keyPEM := selfSigned(t, "gate.example")
	text := strings.Replace(strings.Replace(whole, `secret_file = "secret"`, "", 1), `key_file  = "key.pem"`, "key_file  = \"key.pem\"\n client_cert_file = \"cert.pem\"\n client_key_file = \"key.pem\"", 1)
	https := strings.Replace(text, "http://127.0.0.1:7411", "https://ldn1.example:7411", 1)
	files := func(text string) map[string]string {
		return map[string]string{"gate.hcl": text, "secret": secret, "ca.pem": certPEM, "cert.pem": certPEM, "key.pem": keyPEM}
	}
	path := write(t, files(https))
	c, err := gate.Load(path)
	if err != nil || c.ClientCertFile != filepath.Join(filepath.Dir(path), "cert.pem") || c.ClientKeyFile == "" {
		t.Errorf("got %+v, %v", c, err)
	}
	for name, x := range map[string]struct{ text, want string }{
		"neither":        {strings.Replace(whole, `secret_file = "secret"`, "", 1), "secret_file is missing: the gate needs"},
		"both":           {https + "\nsecret_file = \"secret\"", "either its secret or its certificate"},
		"half":           {strings.Replace(https, ` client_key_file = "key.pem"`, "", 1), "needs client_cert_file and client_key_file together"},
		"without TLS":    {text, "shown over TLS only"},
		"not there":      {strings.Replace(https, `client_cert_file = "cert.pem"`, `client_cert_file = "none.pem"`, 1), "no such file"},
		"another's key":  {strings.Replace(https, `client_key_file = "key.pem"`, `client_key_file = "ca.pem"`, 1), "read client certificate and key"},
		"no own TLS":     {strings.Replace(strings.Replace(https, `cert_file = "cert.pem"`, "", 1), `key_file  = "key.pem"`, "", 1), ""},
		"unknown in TLS": {strings.Replace(https, `client_key_file`, `client_keyfile`, 1), "Unsupported argument"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := gate.Load(write(t, files(x.text)))
			if err == nil || !strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("got %v", err)
			}
		})
	}
}

package httpapi_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestOpenSSLAsAPeer: another implementation of TLS comes to each listener with a certificate that a data center issued, verifies what
// it is shown by ca.pem, and is taken for what its certificate says; without one, or with one of another make, it is refused, and
// below TLS 1.3 the peer listener does not speak (OAM-42, SEC-41, SEC-44).
func TestOpenSSLAsAPeer(t *testing.T) {
	t.Parallel()
	openssl := testkit.Tool(t, "apt-get install openssl", "openssl")
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := both[0], both[1]
	ny.Trusts(ldn)
	ny.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{"https://web.example"}, CertificateIdentities: []string{"spiffe://ldc/agent/web"}})
	ny.Role("operators", wire.AdminRole{Certificates: []string{"spiffe://nydc/admin/ann"}})
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := write("ca.pem", ny.CACertPEM)
	admin, runtime := strings.TrimPrefix(ny.Endpoint, "https://"), strings.TrimPrefix(ny.RuntimeURL, "https://")
	hello, groups := "GET /peer/v1/hello", "GET /v1/groups"
	authorize := "POST /session/v1/authorize"
	for i, c := range []struct {
		name, address, ask string
		shown              *testkit.Certificate
		flags              []string
		want               string // in what comes back; "" = no answer
	}{
		{"a partner's node", ny.PeerAddress, hello, certified(ldn, "node", "ldc9"), nil, "HTTP/1.1 200"},
		{"a partner's agent as a node", ny.PeerAddress, hello, certified(ldn, "agent", "web"), nil, ""},
		{"a stranger as a node", ny.PeerAddress, hello, nil, nil, "HTTP/1.1 403"},
		{"a node by TLS 1.2", ny.PeerAddress, hello, certified(ldn, "node", "ldc9"), []string{"-tls1_2"}, ""},
		{"an administrator", admin, groups, certified(ny, "administrator", "ann"), nil, "HTTP/1.1 200"},
		{"an administrator by TLS 1.2", admin, groups, certified(ny, "administrator", "ann"), []string{"-tls1_2"}, "HTTP/1.1 200"},
		{"a partner's administrator", admin, groups, certified(ldn, "administrator", "ann"), nil, "wrong_identity"},
		{"nobody", admin, groups, nil, nil, "no_token"},
		{"a partner's agent", runtime, authorize, certified(ldn, "agent", "web"), nil, `"decision":"challenge"`},
		{"an agent that is not listed", runtime, authorize, certified(ny, "agent", "web"), nil, "certificate_not_listed"},
		{"no agent", runtime, authorize, nil, nil, "HTTP/1.1 401"},
	} {
		args := append([]string{"s_client", "-connect", c.address, "-CAfile", ca, "-verify_return_error", "-quiet", "-ign_eof", "-alpn", "http/1.1"}, c.flags...)
		if c.shown != nil {
			pair := write(fmt.Sprintf("%d.pem", i), c.shown.CertPEM)
			args = append(args, "-cert", pair, "-cert_chain", pair, "-key", write(fmt.Sprintf("%d.key", i), c.shown.KeyPEM))
		}
		body := ""
		if c.ask == authorize {
			body = `{"method":"GET","scheme":"https","host":"web.example","target":"/","navigation":true}`
		}
		cmd := exec.CommandContext(t.Context(), openssl, args...) //nolint:gosec // a tool that was looked for
		cmd.Stdin = strings.NewReader(fmt.Sprintf("%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", c.ask, c.address, len(body), body))
		out, err := cmd.CombinedOutput()
		answered := strings.Contains(string(out), "HTTP/1.1 ")
		if c.want == "" && answered || c.want != "" && !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
	}
}

func certified(d *testkit.DataCenter, profile, name string) *testkit.Certificate {
	c := d.Certify(profile, name, "")
	return &c
}

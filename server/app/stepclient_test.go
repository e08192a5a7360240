package app_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/ca/catest"
)

// stepVisit is what tools/step-ca/peer reads.
type stepVisit struct {
	URL         string   `json:"url"`
	Fingerprint string   `json:"fingerprint"`
	Provisioner string   `json:"provisioner"`
	Password    string   `json:"password"`
	Name        string   `json:"name"`
	Usage       []string `json:"usage"`
	Visit       string   `json:"visit"`
	Method      string   `json:"method"`
	Body        string   `json:"body"`
	RootPEM     string   `json:"root_pem"`
	ServerName  string   `json:"server_name"`
}

// TestStepsOwnClientAsAPeer: the client of step-ca, with the TLS configuration that it makes itself of a certificate which the external
// authority of NYDC signed, comes to the peer listener of a partner as a node of NYDC, and to NYDC as an administrator and as an agent.
// It is believed for what its certificate says, and for nothing else (OAM-42, SEC-41).
func TestStepsOwnClientAsAPeer(t *testing.T) {
	t.Parallel()
	s, ny, ld := withStepCA(t, testkit.StepOptions{}, 0)
	program, err := testkit.BuildStepPeer(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	password, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		t.Fatal(err)
	}
	ny.Role("operators", wire.AdminRole{Certificates: []string{"spiffe://nydc/admin/ann"}})
	ny.Put("/v1/agents/web", wire.Agent{Name: "web", Hosts: []string{"https://web.example"}, CertificateIdentities: []string{"spiffe://nydc/agent/web"}})
	const authorize = `{"method":"GET","scheme":"https","host":"web.example","target":"/","navigation":true}`
	peer := stepVisit{Name: "spiffe://nydc/node/step1", Visit: "https://" + ld.PeerAddress + "/peer/v1/hello", Method: http.MethodGet, RootPEM: ld.CACertPEM, ServerName: "spiffe://ldc/node/ldc1"}
	admin := stepVisit{Name: "spiffe://nydc/admin/ann", Visit: ny.Endpoint + "/v1/groups", Method: http.MethodGet}
	runtime := stepVisit{Name: "spiffe://nydc/agent/web", Visit: ny.RuntimeURL + "/session/v1/authorize", Method: http.MethodPost, Body: authorize}
	as := func(v stepVisit, name string) stepVisit { v.Name = name; return v }
	for _, c := range []struct {
		name  string
		visit stepVisit
		want  string // status and a part of the body; "" = the connection ends
	}{
		{"a node", peer, `200 "cluster_id":"LDC"`},
		{"an agent as a node", as(peer, "spiffe://nydc/agent/web"), ""},
		{"an administrator", admin, `200 "items"`},
		{"a node as an administrator", as(admin, "spiffe://nydc/node/step1"), "401 wrong_identity"},
		{"an agent", runtime, `200 "challenge"`},
		{"an agent that is not listed", as(runtime, "spiffe://nydc/agent/other"), "401 certificate_not_listed"},
	} {
		v := c.visit
		v.URL, v.Fingerprint, v.Provisioner, v.Password = s.URL(), s.Fingerprint, catest.Provisioner, strings.TrimRight(string(password), "\r\n")
		v.Usage = []string{"clientAuth"}
		if strings.Contains(v.Name, "/node/") {
			v.Usage = []string{"serverAuth", "clientAuth"}
		}
		in, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program) //nolint:gosec // a program that the test built
		cmd.Stdin, cmd.Env = bytes.NewReader(in), append(os.Environ(), "STEPPATH="+t.TempDir())
		out, err := cmd.CombinedOutput()
		var got struct {
			Status int    `json:"status"`
			Proto  string `json:"proto"`
			Body   string `json:"body"`
		}
		answered := json.Unmarshal(out, &got) == nil
		status, part, _ := strings.Cut(c.want, " ")
		if answered != (c.want != "") || answered && (status != strconv.Itoa(got.Status) || !strings.Contains(got.Body, part) || got.Proto != "HTTP/2.0") {
			t.Errorf("%s: %v: %s", c.name, err, out)
		}
	}
}

package httpapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// book is everything that was logged.
type book struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *book) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

const (
	canary      = "canary-3f9a-secret-of-agent"
	otherCanary = "canary-77c1-password-of-ann"
)

// TestSecretsAreNowhereToBeFound drives two data centers at debug level with secrets that are easy to find, in good and in
// bad requests, and looks for them and for every cookie in all answers, all logs and in the clear on the disk (SEC-68).
func TestSecretsAreNowhereToBeFound(t *testing.T) {
	t.Parallel()
	log := &book{}
	both := testkit.StartWith(t, testkit.Options{Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, "NYDC", "LDC")
	d, clone := both[0], both[1]
	testkit.Link(d, clone)
	var answers strings.Builder
	say := func(a answer) { fmt.Fprintln(&answers, a.status, a.header, a.body) }
	for _, w := range [][2]string{
		{"/v1/users/ann", fmt.Sprintf(`{"name":"ann","password":%q}`, otherCanary)},
		{"/v1/users/ann", fmt.Sprintf(`{"name":"ann","password":%q}`, otherCanary)},
		{"/v1/users/bob", fmt.Sprintf(`{"name":"bob","password":%q,"groups":["absent"]}`, otherCanary)},
		{"/v1/users/cid", fmt.Sprintf(`{"name":"cid","password":%q,"nonsense":1}`, otherCanary)},
		{"/v1/users/dan", fmt.Sprintf(`{"name":"dan","password":[%q]}`, otherCanary)},
		{"/v1/users/eve", fmt.Sprintf(`{"name":"eve","password":%q`, otherCanary)},
		{"/v1/agents/shop", fmt.Sprintf(`{"name":"shop","hosts":[%q],"secret":%q}`, shop, canary)},
		{"/v1/agents/bank", fmt.Sprintf(`{"name":"bank","hosts":["nonsense"],"secret":%q}`, canary)},
		{"/v1/applications/shop", `{"name":"shop","hosts":["shop.example"],"resources":{"all":{"paths":["/**"]}}}`},
		{"/v1/identity-stores/corp", fmt.Sprintf(`{"name":"corp","urls":["ldaps://127.0.0.1:1"],"user_search_base":"dc=x","bind_dn":"cn=x","bind_password":%q}`, canary)},
		{"/v1/identity-stores/corp", fmt.Sprintf(`{"name":"corp","urls":["ldaps://127.0.0.1:1"],"user_search_base":"dc=x","bind_dn":"cn=x","bind_password":%q}`, otherCanary)},
		{"/v1/identity-stores/corp", fmt.Sprintf(`{"name":"corp","urls":["ldaps://x:%s@127.0.0.1:1"],"user_search_base":"","bind_dn":"cn=x","bind_password":%q}`, canary, otherCanary)},
		{"/v1/identity-stores/corp", fmt.Sprintf(`{"name":"corp","urls":[],"bind_password":[%q]}`, canary)},
		{"/v1/overrides/identity_store/corp", fmt.Sprintf(`{"kind":"identity_store","name":"corp","values":{"bind_password":%q}}`, canary)},
		{"/v1/trust/certificates/key", fmt.Sprintf(`{"name":"key","certificate_pem":"-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----"}`, canary)},
		{"/v1/data-center", fmt.Sprintf(`{"cluster_id":"NYDC","role":"master","security_mode":%q}`, "simple")},
		{"/v1/partner-profile", fmt.Sprintf(`{"agent_id":"mesh","allow_management":true,"passphrase":%q}`, canary+otherCanary)},
		{"/v1/partner-profile", fmt.Sprintf(`{"agent_id":"mesh","allow_management":true,"passphrase":%q,"passphrase_version":2}`, otherCanary+canary)},
		{"/v1/partner-profile", fmt.Sprintf(`{"agent_id":"no name","passphrase":%q}`, canary+otherCanary)},
		{"/v1/partners/FRA", fmt.Sprintf(`{"cluster_id":"FRA","agent_id":"mesh","primary":["127.0.0.1:1"],"passphrase":%q}`, canary+otherCanary)},
		{"/v1/partners/FRA", fmt.Sprintf(`{"cluster_id":"FRA","agent_id":"mesh","primary":["127.0.0.1:1"],"passphrase":[%q]}`, canary+otherCanary)},
		{"/v1/partners/FRA", fmt.Sprintf(`{"cluster_id":"FRA","agent_id":"mesh","primary":["127.0.0.1:1"],"passphrase":%q}`, " "+canary+otherCanary)},
	} {
		say(admin(t, d, http.MethodPut, w[0], w[1]))
		say(admin(t, clone, http.MethodPut, w[0], w[1]))
	}
	say(admin(t, d, http.MethodPatch, "/v1/users/ann", fmt.Sprintf(`{"password":%q}`, otherCanary)))
	testkit.InStep(d, clone)
	app := testkit.Application{At: d, Agent: "shop", Secret: canary, Origin: shop}
	b := testkit.NewBrowser(t, both...)
	if v := b.Open(app, "ann", otherCanary); v.User != "ann" {
		t.Fatalf("sign-in: %+v", v)
	}
	b.Open(app.Through(clone), "", "")
	for _, path := range []string{"/session/v1/authorize", "/session/v1/redeem", "/session/v1/logout"} {
		h := http.Header{"Authorization": {basic("shop", canary+"x")}, "Content-Type": {"application/json"}}
		say(send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + path, body: "{}", header: h}))
	}
	for _, body := range []string{fmt.Sprintf(`{"user":"ann","password":"x%s"}`, otherCanary), fmt.Sprintf(`{"user":"ann","password":%q,"x":1}`, otherCanary)} {
		say(send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/authenticate", body: body, header: http.Header{"Content-Type": {"application/json"}}}))
	}
	for _, dc := range both {
		say(send(t, dc, ask{method: http.MethodPost, url: dc.RuntimeURL + "/session/v1/authenticate", body: fmt.Sprintf(`{"user":"ann","identity_store":"corp","password":%q}`, otherCanary), header: http.Header{"Content-Type": {"application/json"}}}))
		say(admin(t, dc, http.MethodPost, "/v1/identity-stores/corp/test", ""))
	}
	form := b.Get(d.RuntimeURL + "/logout")
	form.Action = "/login"
	wrong := b.Submit(form, url.Values{"request": {""}, "user": {"ann"}, "password": {"wrong" + otherCanary}})
	fmt.Fprintln(&answers, wrong.Status, wrong.Body)
	for _, dc := range both {
		for _, path := range []string{"/v1/users", "/v1/users/ann", "/v1/agents", "/v1/agents/shop", "/v1/sessions", "/v1/data-center", "/v1/trust/bundle", "/v1/replication/status",
			"/v1/replication/agreements", "/v1/replication/changelog?after=0&limit=1000", "/v1/validate", "/v1/identity-stores", "/v1/identity-stores/corp", "/v1/identity-stores/corp?stored=true", "/metrics", "/openapi.json", "/v1/ready", "/v1/trust/certificates", "/v1/partners",
			"/v1/audit-events?limit=1000", "/v1/audit-events?format=jsonl&scope=all"} {
			say(admin(t, dc, http.MethodGet, path, ""))
		}
	}
	send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/authenticate", body: fmt.Sprintf(`{"user":%q,"password":"p"}`, otherCanary+" in the wrong field"), header: http.Header{"Content-Type": {"application/json"}}})
	awaits(t, d, "action=sign_in&outcome=refused&object=user/?")
	secrets := map[string]string{"the agent's secret": canary, "the password": otherCanary, "NYDC's token": d.Token, "LDC's token": clone.Token, "a password hash": "$argon2id$", "the agent's cookie": b.AgentCookie(app)}
	for _, part := range strings.Split(cookieHeader(t, b, d), "; ") {
		name, value, _ := strings.Cut(part, "=")
		secrets["the cookie "+name] = value
	}
	for _, dc := range both {
		secrets["the node key of "+dc.ClusterID] = read(t, filepath.Join(dc.DataDir, "node.key"))
	}
	for name, secret := range secrets {
		if len(secret) < 8 {
			t.Fatalf("%s is %q: the test looks for nothing", name, secret)
		}
		for where, text := range map[string]string{"an answer": answers.String(), "a log": log.text()} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s is in %s: %.300s", name, where, text[max(0, i-150):])
			}
		}
	}
	for i, line := range strings.Split(strings.TrimSpace(log.text()), "\n") {
		if !json.Valid([]byte(line)) { // one event is one line (SEC-67)
			t.Errorf("line %d of the log: %q", i, line)
		}
	}
	for _, dc := range both {
		onDisk(t, dc.DataDir, canary, otherCanary)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// onDisk looks through every file, and at its mode (SEC-71): only the root is for others.
func onDisk(t *testing.T, dir string, secrets ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if path == dir && info.Mode().Perm() != 0o700 {
			t.Errorf("the data directory has mode %v", info.Mode())
		}
		if name := e.Name(); (name == "node.key" || name == "bootstrap.token") && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		if e.IsDir() {
			return nil
		}
		return search(t, path, secrets)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// search goes through a file by pieces: the stores' files are sparse and large.
func search(t *testing.T, path string, secrets []string) error {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	const overlap = 64
	piece := make([]byte, overlap+1<<20)
	for kept := 0; ; kept = overlap {
		n, err := io.ReadFull(f, piece[kept:])
		for _, s := range secrets {
			if bytes.Contains(piece[:kept+n], []byte(s)) {
				t.Errorf("%s holds %q", path, s)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		copy(piece, piece[len(piece)-overlap:])
	}
}

// TestLogsAreOneLineAnEvent sends names and headers that would begin a line of their own (SEC-67).
func TestLogsAreOneLineAnEvent(t *testing.T) {
	t.Parallel()
	log := &book{}
	d := testkit.StartWith(t, testkit.Options{Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, "NYDC")[0]
	evil := "x\r\n{\"level\":\"ERROR\",\"msg\":\"planted\"}\x1b[2J\u2028" + strings.Repeat("A", 64<<10)
	body, err := json.Marshal(wire.AuthenticateRequest{User: evil, Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	send(t, d, ask{method: http.MethodPost, url: d.RuntimeURL + "/session/v1/authenticate", body: string(body), header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {strings.Repeat("U", 8000)}}})
	admin(t, d, http.MethodGet, "/v1/groups/"+url.PathEscape(evil[:200]), "")
	admin(t, d, http.MethodGet, "/"+url.PathEscape(evil[:200]), "")
	for _, line := range strings.Split(strings.TrimSpace(log.text()), "\n") {
		var event struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Msg == "planted" || len(line) > 4096 {
			t.Errorf("%v in %.300q (%d bytes)", err, line, len(line))
		}
	}
}

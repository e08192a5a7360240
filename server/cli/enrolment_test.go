package cli_test

import (
	"crypto/tls"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/cli"
)

// operator is the environment of an administrator with the token.
func operator(t *testing.T, d *testkit.DataCenter) map[string]string {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(d.CACertPEM), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{"CONCORD_ENDPOINT": d.Endpoint, "CONCORD_TOKEN": d.Token, "CONCORD_CACERT": ca}
}

func fine(t *testing.T, env map[string]string, args ...string) string {
	t.Helper()
	code, out, errs := run(env, args...)
	if code != cli.ExitFine {
		t.Fatalf("%v: exit %d: %s%s", args, code, out, errs)
	}
	return out
}

// TestAdministratorEnrols: one command and no copied key, and from then on the certificate alone is enough (TAM-06). Once it is revoked
// the next command is refused.
func TestAdministratorEnrols(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	env, dir := operator(t, d), filepath.Join(t.TempDir(), "ann")
	token := strings.TrimSpace(fine(t, env, "trust", "token", "create", "administrator", "ann", "--ttl", "5m"))
	out := fine(t, nil, "trust", "enroll", token, "--dir", dir)
	if !strings.Contains(out, "spiffe://nydc/admin/ann") || strings.Contains(out, "PRIVATE") {
		t.Errorf("it says\n%s", out)
	}
	if info, err := os.Stat(filepath.Join(dir, "key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info.Mode(), err)
	}
	own := map[string]string{"CONCORD_ENDPOINT": d.Endpoint, "CONCORD_CLIENT_CERT": filepath.Join(dir, "cert.pem"), "CONCORD_CLIENT_KEY": filepath.Join(dir, "key.pem"), "CONCORD_CACERT": filepath.Join(dir, "ca.pem")}
	if code, _, errs := run(own, "status"); code != cli.ExitFailed || !strings.Contains(errs, "No administrators' role lists the certificate spiffe://nydc/admin/ann") {
		t.Errorf("without a role: exit %d: %s", code, errs)
	}
	d.Role("operators", wire.AdminRole{Certificates: []string{"spiffe://nydc/admin/ann"}})
	if out := fine(t, own, "status"); !strings.Contains(out, "NYDC") {
		t.Errorf("status by certificate:\n%s", out)
	}
	if code, _, errs := run(nil, "trust", "enroll", token, "--dir", dir); code != cli.ExitUsage || !strings.Contains(errs, "there already") {
		t.Errorf("into the same folder: exit %d: %s", code, errs)
	}
	code, _, errs := run(nil, "trust", "enroll", token, "--dir", filepath.Join(t.TempDir(), "eve"))
	if code != cli.ExitFailed || !strings.Contains(errs, "used already") || strings.Contains(errs, token) {
		t.Errorf("a second time: exit %d: %s", code, errs)
	}
	list := fine(t, env, "trust", "token", "list")
	if !strings.Contains(list, "administrator") || !strings.Contains(list, "used") || strings.Contains(list, token) {
		t.Errorf("the list:\n%s", list)
	}
	pair, err := tls.LoadX509KeyPair(own["CONCORD_CLIENT_CERT"], own["CONCORD_CLIENT_KEY"])
	if err != nil {
		t.Fatal(err)
	}
	d.Revoke(testkit.Certificate{Serial: pair.Leaf.SerialNumber.Text(16)})
	if code, _, errs := run(own, "status"); code != cli.ExitFailed || !strings.Contains(errs, "revoked") {
		t.Errorf("revoked: exit %d: %s", code, errs)
	}
}

// TestTwoCommandsLinkDataCenters: a token here, a join there (OAM-39).
func TestTwoCommandsLinkDataCenters(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	token := strings.TrimSpace(fine(t, operator(t, both[0]), "trust", "token", "create", "data_center", "LDC"))
	var out wire.Joined
	if err := json.Unmarshal([]byte(fine(t, operator(t, both[1]), "trust", "join", token, "-o", "json")), &out); err != nil || out.ClusterID != "NYDC" {
		t.Fatalf("%+v, %v", out, err)
	}
	for i, d := range both {
		var p wire.PartnerView
		d.Get("/v1/partners/"+both[1-i].ClusterID, &p)
	}
	code, _, errs := run(operator(t, both[1]), "trust", "join", token)
	if code != cli.ExitFailed || !strings.Contains(errs, "already") {
		t.Errorf("again: exit %d: %s", code, errs)
	}
}

// TestTokensAreWithdrawn, and what is no token is wrong usage.
func TestTokensAreWithdrawn(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	env := operator(t, d)
	var made wire.JoinTokenMade
	if err := json.Unmarshal([]byte(fine(t, env, "trust", "token", "create", "agent", "web", "-o", "json")), &made); err != nil {
		t.Fatal(err)
	}
	fine(t, env, "trust", "token", "revoke", made.ID)
	dir := filepath.Join(t.TempDir(), "x")
	if code, _, errs := run(nil, "trust", "enroll", made.Token, "--dir", dir); code != cli.ExitFailed || !strings.Contains(errs, "withdrawn") {
		t.Errorf("withdrawn: exit %d: %s", code, errs)
	}
	for name, args := range map[string][]string{"no token": {"trust", "enroll", "concord-join-1.xyz", "--dir", dir}, "no folder": {"trust", "enroll", made.Token}, "no purpose": {"trust", "token", "create"},
		"for a data center": {"trust", "enroll", strings.TrimSpace(fine(t, env, "trust", "token", "create", "data_center")), "--dir", dir}} {
		if code, _, errs := run(env, args...); code != cli.ExitUsage || strings.Contains(errs, "xyz") {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
}

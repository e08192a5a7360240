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

// TestCertificateVerbs issue, list, renew and revoke at a real data center. A key goes into a new file of its owner's, or is
// printed; a file that exists is not written over, and then nothing is issued.
func TestCertificateVerbs(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	dir := t.TempDir()
	root := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(root, []byte(d.CACertPEM), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"CONCORD_ENDPOINT": d.Endpoint, "CONCORD_TOKEN": d.Token, "CONCORD_CACERT": root}
	cert, key := filepath.Join(dir, "a.pem"), filepath.Join(dir, "a.key")
	code, out, errs := run(env, "trust", "issue", "--profile", "agent", "--name", "portal", "--ttl", "1h", "--cert-out", cert, "--key-out", key, "-o", "json")
	var made wire.IssuedCertificate
	if err := json.Unmarshal([]byte(out), &made); err != nil || code != cli.ExitFine || made.PrivateKeyPEM != "" {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		t.Error(err)
	}
	if i, err := os.Stat(key); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v %v", i, err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
		code int
	}{
		"key file exists":    {[]string{"issue", "--profile", "agent", "--name", "portal", "--key-out", key}, "nothing was issued", cli.ExitFailed},
		"no profile":         {[]string{"issue"}, "which profile", cli.ExitUsage},
		"key beside request": {[]string{"issue", "--profile", "agent", "--csr", cert, "--key-out", key + "2"}, "--csr", cli.ExitUsage},
		"refused":            {[]string{"issue", "--profile", "agent", "--name", "a/b", "--key-out", key + "3"}, "letters, digits and hyphens", cli.ExitFailed},
		"nothing to revoke":  {[]string{"revoke"}, "which certificates", cli.ExitUsage},
		"two at once":        {[]string{"revoke", "1f", "--node", "nydc1"}, "which certificates", cli.ExitUsage},
		"node and identity":  {[]string{"revoke", "--identity", "x", "--node", "nydc1"}, "which certificates", cli.ExitUsage},
		"names by hyphens":   {[]string{"issue", "--profile", "web-server"}, "/sans", cli.ExitFailed},
		"no such file":       {[]string{"issue", "--profile", "agent", "--csr", key + "9"}, "--csr: open", cli.ExitFailed},
		"no such time":       {[]string{"certificates", "--expiring-before", "soon"}, "such as 720h", cli.ExitUsage},
		"one sentence":       {[]string{"issue", "--profile", "agent", "--name", "portal", "--ttl", "1s"}, "as asked: /ttl: has", cli.ExitFailed},
		"unknown serial":     {[]string{"renew", "1f"}, "no certificate", cli.ExitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			if code, out, errs := run(env, append([]string{"trust"}, c.args...)...); code != c.code || !strings.Contains(errs, c.want) {
				t.Errorf("exit %d: %s%s", code, out, errs)
			}
		})
	}
	if _, err := os.Stat(key + "3"); err == nil {
		t.Error("an empty key file is left over")
	}
	if code, out, errs = run(env, "trust", "renew", made.Serial); code != cli.ExitFine || !strings.Contains(out, "BEGIN PRIVATE KEY") || !strings.Contains(out, "spiffe://nydc/agent/portal") {
		t.Errorf("renew: exit %d: %s%s", code, out, errs)
	}
	if code, out, errs = run(env, "trust", "certificates", "--profile", "agent", "--status", "valid"); code != cli.ExitFine || strings.Count(out, "spiffe://nydc/agent/portal") != 2 {
		t.Errorf("certificates: exit %d: %s%s", code, out, errs)
	}
	for before, want := range map[string]int{"2h": 2, "10m": 0, "2100-01-31": 2, "2100-01-31T12:00:00+02:00": 2} {
		if code, out, errs = run(env, "trust", "certificates", "--profile", "agent", "--expiring-before", before); code != cli.ExitFine || strings.Count(out, "spiffe://nydc/agent/portal") != want {
			t.Errorf("certificates before %s: exit %d: %s%s", before, code, out, errs)
		}
	}
	if code, out, errs = run(env, "trust", "revoke", "--identity", "spiffe://nydc/agent/portal", "--reason", "key_compromise"); code != cli.ExitFine || strings.Count(out, "revoked") != 2 {
		t.Errorf("revoke: exit %d: %s%s", code, out, errs)
	}
	if code, _, errs = run(env, "trust", "renew", made.Serial); code != cli.ExitFailed || !strings.Contains(errs, "revoked") {
		t.Errorf("renew after revocation: exit %d: %s", code, errs)
	}
}

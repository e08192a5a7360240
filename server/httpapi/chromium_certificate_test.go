package httpapi_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// TestNobodyIsAskedInARealBrowserForACertificate: the admin and the runtime listener ask for a client certificate, and name whose. Chromium
// without one signs in and reads on, and so does Chromium whose user has one of somebody else, as on a smart card; without those names it
// would ask that user which one to show, and wait.
//
// In part or whole also SEC-13 and STD-06.
func TestNobodyIsAskedInARealBrowserForACertificate(t *testing.T) {
	t.Parallel()
	for name, installed := range map[string]bool{"without a certificate": false, "with a certificate of somebody else": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := testkit.Start(t, "NYDC")[0]
			d.User("ann")
			screen := screens()[0]
			screen.Home = t.TempDir()
			if installed {
				smartCard(t, screen.Home)
			}
			c := testkit.NewChromium(t, screen, strings.TrimPrefix(d.RuntimeURL, "https://"), strings.TrimPrefix(d.Endpoint, "https://"))
			c.Open(d.RuntimeURL + "/")
			c.Do(chromedp.SendKeys(`input[name="user"]`, "ann", chromedp.ByQuery), chromedp.SendKeys(`input[name="password"]`, testkit.Password, chromedp.ByQuery))
			c.Press("\r", true)
			if len(d.Sessions("ann")) != 1 {
				t.Errorf("signed in: at %s: %s", c.Where(), c.Text())
			}
			c.Open(d.Endpoint + "/v1/health")
			if text := c.Text(); !strings.Contains(text, "{") || !strings.HasPrefix(c.Where(), d.Endpoint) {
				t.Errorf("the admin listener: at %s: %s", c.Where(), text)
			}
		})
	}
}

// smartCard puts a certificate of another authority, with its key, where Chromium looks for those of its user: an older and a newer place.
func smartCard(t *testing.T, home string) {
	t.Helper()
	certutil := testkit.Tool(t, "apt-get install libnss3-tools", "certutil")
	pk12util := testkit.Tool(t, "apt-get install libnss3-tools", "pk12util")
	openssl := testkit.Tool(t, "apt-get install openssl", "openssl")
	dir := t.TempDir()
	run := func(program string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...) //nolint:gosec // tools that were looked for
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", program, args, err, out)
		}
	}
	run(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=smart card", "-days", "2",
		"-addext", "extendedKeyUsage=clientAuth", "-addext", "basicConstraints=critical,CA:FALSE") // one of a CA would not be offered
	run(openssl, "pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-name", "card", "-out", "card.p12", "-passout", "pass:x")
	for _, place := range []string{filepath.Join(home, ".pki", "nssdb"), filepath.Join(home, ".local", "share", "pki", "nssdb")} {
		if err := os.MkdirAll(place, 0o700); err != nil {
			t.Fatal(err)
		}
		run(certutil, "-N", "-d", "sql:"+place, "--empty-password")
		run(pk12util, "-i", "card.p12", "-d", "sql:"+place, "-W", "x")
	}
}

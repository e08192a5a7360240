package app_test

import (
	"net/http"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const phrase = "k7m2xq4tz-w3n6bv5rd-hj2sp7fgc"

// TestLinkInEachMode: two real data centers replicate and adopt a session in every mode (OAM-41, MSS-06, MSS-07): by declared
// certificates, by roots that they exchanged under a passphrase, and without TLS, after a restart too.
func TestLinkInEachMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"simple", "open"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			all := testkit.StartWith(t, testkit.Options{AllowOpen: mode == "open"}, "NYDC", "LDC")
			ny, ldn := all[0], all[1]
			testkit.LinkBy(mode, phrase, ny, ldn)
			works(t, ny, ldn, "one")
			var p wire.PartnerView
			ny.Get("/v1/partners/LDC", &p)
			if p.SecurityMode != mode || p.Passphrase != "" || p.Paired != (mode == "simple") || (len(p.PinnedSHA256) == 1) != (mode == "simple") || p.PairingError != "" {
				t.Errorf("the partner's view: %+v", p)
			}
			var test wire.PartnerTest
			if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/partners/LDC/test", Out: &test}); err != nil {
				t.Fatal(err)
			}
			named := 0
			for _, c := range test.Checks {
				if c.Name == "passphrase" {
					named++
				}
			}
			if test.Result != wire.ResultPass || named != 2 {
				t.Errorf("the partner test: %+v", test)
			}
			ldn.Stop()
			ldn.Start()
			works(t, ny, ldn, "two")
		})
	}
}

// works replicates changes, with the content of a package, and lets a session be adopted.
func works(t *testing.T, ny, ldn *testkit.DataCenter, name string) {
	t.Helper()
	ny.User(name)
	ny.Package(wire.Package{Name: name}, content(7, 300_000))
	app := ny.Application(name, "https://"+name+".example")
	testkit.InStep(ny, ldn)
	complete(ldn)
	b := testkit.NewBrowser(t, ny, ldn)
	b.Open(app, name, testkit.Password)
	if v := b.Open(app.Through(ldn), "", ""); v.User != name {
		t.Errorf("the session of %s was not adopted: %+v", name, v)
	}
}

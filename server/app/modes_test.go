package app_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
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
			var m wire.TrustMatrix
			if ny.Get("/v1/trust/matrix", &m); len(m.Edges) != 2 || !m.Sound || m.Edges[0].SecurityMode != mode || m.Edges[1].SecurityMode != mode {
				t.Errorf("the matrix: %+v", m)
			}
			ldn.Stop()
			ldn.Start()
			works(t, ny, ldn, "two")
		})
	}
}

// TestNewPassphraseIsTestedAtOnce: a test of the partner right after the change of a passphrase waits for its proof, whatever failed before the
// other side had it too (MSS-07).
func TestNewPassphraseIsTestedAtOnce(t *testing.T) {
	t.Parallel()
	all := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := all[0], all[1]
	testkit.LinkBy("simple", phrase, ny, ldn)
	const next = "c4v7rn2tq-m6hx3kd5w-b2zj7gsp4"
	for _, pair := range [][2]*testkit.DataCenter{{ldn, ny}, {ny, ldn}} {
		pair[0].Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true, Passphrase: next})
		pair[0].Shares(pair[1], next)
	}
	var test wire.PartnerTest
	if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/partners/LDC/test", Out: &test}); err != nil || test.Result != wire.ResultPass {
		t.Errorf("the partner test: %+v %v", test, err)
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

// TestModesMustBeEqual: between data centers in different modes there is no agreement, and the refusal, the partner test and validate name
// both sides and both modes; the stricter side never talks as the other does (OAM-41, MSS-06, SEC-40).
func TestModesMustBeEqual(t *testing.T) {
	t.Parallel()
	all := testkit.StartWith(t, testkit.Options{AllowOpen: true}, "NYDC", "LDC")
	ny, ldn := all[0], all[1]
	for _, d := range all {
		d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true, Passphrase: phrase})
	}
	ny.Trusts(ldn)
	ldn.Trusts(ny)
	for _, c := range []struct {
		here, there, code string
		words             []string
	}{
		{"cert", "simple", "mode_mismatch", []string{"mode cert", "LDC is in mode simple"}},
		{"cert", "open", "mode_mismatch", []string{"LDC answers without TLS, as in mode open", "mode cert"}},
		{"open", "cert", "partner_missing", []string{"LDC"}},
	} {
		ny.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "master", SecurityMode: c.here})
		ldn.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone", SecurityMode: c.there})
		if c.here == "open" {
			ny.Shares(ldn, phrase)
		}
		_, err := ny.TryAgree(ldn)
		if fault.CodeOf(err) != c.code {
			t.Errorf("%s and %s: %v", c.here, c.there, err)
		}
		var test wire.PartnerTest
		if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/partners/LDC/test", Out: &test}); err != nil || test.Result != wire.ResultFail {
			t.Errorf("%s and %s: %+v %v", c.here, c.there, test, err)
		}
		for _, w := range c.words {
			if c.code == "mode_mismatch" && !strings.Contains(err.Error(), w) {
				t.Errorf("%s and %s: %q is not in %v", c.here, c.there, w, err)
			}
			if !strings.Contains(fmt.Sprint(test.Checks), w) {
				t.Errorf("%s and %s: %q is not in the test: %+v", c.here, c.there, w, test.Checks)
			}
		}
		var v wire.Validation
		ny.Get("/v1/validate", &v)
		if v.Result != wire.ResultFail {
			t.Errorf("%s and %s: validate finds nothing: %+v", c.here, c.there, v)
		}
	}
}

// TestPassphraseChangesUnderALink: in mode open the passphrase is changed step by step, on one side and then the other, and the link goes on
// at each step without a restart (MSS-07).
func TestPassphraseChangesUnderALink(t *testing.T) {
	t.Parallel()
	all := testkit.StartWith(t, testkit.Options{AllowOpen: true}, "NYDC", "LDC")
	ny, ldn := all[0], all[1]
	testkit.LinkBy("open", phrase, ny, ldn)
	const next = "c4v7rn2tq-m6hx3kd5w-b2zj7gsp4"
	profile := wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true, Passphrase: next, PassphraseVersion: 2}
	for i, step := range []func(){
		func() { ldn.Shares(ny, next) }, // the clone proves the new one before its master knows it
		func() { ny.Put("/v1/partner-profile", profile) },
		func() { ldn.Put("/v1/partner-profile", profile) }, // the clone expects the new one, its master proves the former
		func() { ny.Shares(ldn, next) },
	} {
		step()
		name := fmt.Sprintf("step-%d", i)
		for _, n := range []string{name, name + "-again"} { // the first may arrive in an answer that was asked for before
			ny.Put("/v1/groups/"+n, wire.Group{Name: n})
			testkit.InStep(ny, ldn)
		}
		if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/partners/LDC/test"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var v wire.Validation
	ny.Get("/v1/validate", &v)
	for _, f := range v.Findings {
		if f.Severity == "error" || f.Code == "weak_passphrase" {
			t.Errorf("%+v", f)
		}
	}
	ny.Shares(ldn, "aaaaaaaaaaaaaaaaaaaaaaaaaa")
	ny.Get("/v1/validate", &v)
	if !slices.ContainsFunc(v.Findings, func(f wire.Finding) bool { return f.Code == "weak_passphrase" && f.Subject == "partner ldc" }) {
		t.Errorf("a weak passphrase is not found: %+v", v.Findings)
	}
}

// TestPassphraseThatDiffers: two data centers that declare different passphrases do not pair, and the partner test has a check that says
// so; with the same one they do, at once (MSS-07).
func TestPassphraseThatDiffers(t *testing.T) {
	t.Parallel()
	all := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := all[0], all[1]
	for _, d := range all {
		d.Put("/v1/data-center", wire.DataCenter{ClusterID: d.ClusterID, Role: map[string]string{"NYDC": "master", "LDC": "clone"}[d.ClusterID], SecurityMode: "simple"})
		d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true, Passphrase: phrase})
	}
	ldn.Put("/v1/partners/NYDC", wire.Partner{ClusterID: "NYDC", AgentID: testkit.AgentID, Primary: []string{ny.PeerAddress}})
	ny.Shares(ldn, "another passphrase, and long enough")
	ny.Within(testkit.Limit, "the proof is refused", func() bool {
		var v wire.PartnerView
		ny.Get("/v1/partners/LDC", &v)
		return strings.Contains(v.PairingError, "Declare the same passphrase")
	})
	var test wire.PartnerTest
	if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/partners/LDC/test", Out: &test}); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(test.Checks, func(c wire.PartnerCheck) bool {
		return c.Name == "passphrase" && c.Result == wire.ResultFail && strings.Contains(c.Detail, "same passphrase")
	}) {
		t.Errorf("no check names it: %+v", test.Checks)
	}
	ny.Shares(ldn, phrase)
	ny.Agree(ldn)
	testkit.InStep(ny, ldn)
}

// TestPassphraseThatIsNotProved: a passphrase that is declared over a pairing and is not the partner's leaves the link as it is, and validate
// warns until it is put right (OAM-07, MSS-07).
func TestPassphraseThatIsNotProved(t *testing.T) {
	t.Parallel()
	all := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := all[0], all[1]
	testkit.LinkBy("simple", phrase, ny, ldn)
	warned := func() (out []wire.Finding) {
		var v wire.Validation
		ny.Get("/v1/validate", &v)
		if v.Result != wire.ResultPass {
			t.Errorf("the link works: %+v", v.Findings)
		}
		for _, f := range v.Findings {
			if f.Code == "passphrase_not_proved" {
				out = append(out, f)
			}
		}
		return out
	}
	if got := warned(); len(got) != 0 {
		t.Errorf("while it is proved: %+v", got)
	}
	ny.Shares(ldn, "another passphrase, and long enough")
	ny.Within(testkit.Limit, "the proof is refused", func() bool {
		var v wire.PartnerView
		ny.Get("/v1/partners/LDC", &v)
		return v.Paired && strings.Contains(v.PairingError, "Declare the same passphrase")
	})
	if got := warned(); len(got) != 1 || got[0].Severity != "warning" || got[0].Subject != "partner ldc" || !strings.Contains(got[0].Detail, "same passphrase") {
		t.Errorf("while it is not proved: %+v", got)
	}
	ny.Shares(ldn, phrase)
	ny.Within(testkit.Limit, "the warning goes", func() bool { return len(warned()) == 0 })
}

// TestOpenThatIsNoLongerAllowed: a node whose file stopped allowing mode open keeps its peer listener under TLS, and says so (SEC-40).
func TestOpenThatIsNoLongerAllowed(t *testing.T) {
	t.Parallel()
	d := testkit.StartWith(t, testkit.Options{AllowOpen: true}, "NYDC")[0]
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "standalone", SecurityMode: "open"})
	d.Stop()
	d.AllowOpen(false)
	d.Start()
	if v := d.View(); !strings.HasPrefix(v.PeerURL, "https://") || v.SecurityMode != "open" {
		t.Errorf("%+v", v)
	}
	conn, err := tls.Dial("tcp", d.PeerAddress, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // only whether there is TLS
	if err != nil {
		t.Fatalf("no TLS: %v", err)
	}
	_ = conn.Close()
	var v wire.Validation
	d.Get("/v1/validate", &v)
	if !slices.ContainsFunc(v.Findings, func(f wire.Finding) bool { return f.Code == "open_not_allowed" && f.Severity == "error" }) {
		t.Errorf("%+v", v.Findings)
	}
}

package httpapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// button presses the one button of a certificate's step.
func button(b *testkit.Browser, p testkit.Page) testkit.Page { return b.Submit(p, url.Values{}) }

// TestCertificatesOfPeople: the sign-in page takes a certificate that a data center of the topology issued for exactly that user, at each
// data center, and none that is revoked, of a role that is no person, of somebody who is unknown or disabled, or of an authority of one's own
// (SEC-41, SEC-43).
func TestCertificatesOfPeople(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := both[0], both[1]
	testkit.Link(ny, ldn)
	ny.User("ann")
	ny.User("bob")
	ny.Scheme("card", 3, "certificate")
	app := ny.Asks("vault", vault, "card")
	testkit.InStep(both...)
	revoked := ny.Certify("user", "ann", "1h")
	ny.Revoke(revoked)
	ny.Put("/v1/users/bob", wire.User{Name: "bob", Enabled: new(bool)})
	for name, c := range map[string]struct {
		show *testkit.Certificate
		says string
	}{
		"none":             {nil, "showed no certificate"},
		"revoked":          {&revoked, "revoked"},
		"unknown":          {certify(ny, "user", "nobody"), "nobody of its name"},
		"disabled":         {certify(ny, "user", "bob"), "nobody of its name"},
		"an agent's":       {certify(ny, "agent", "ann"), "does not name a person"},
		"an administrator": {certify(ny, "administrator", "ann"), "does not name a person"},
		"a node's":         {certify(ny, "node", "ann"), "does not name a person"},
		"self-made":        {selfMade(t, &x509.Certificate{Subject: pkix.Name{CommonName: "ann"}, URIs: []*url.URL{{Scheme: "spiffe", Host: "nydc", Path: "/user/ann"}}}, nil), "not issued by anybody"},
	} {
		t.Run(name, func(t *testing.T) {
			b := testkit.NewBrowser(t, both...)
			if c.show != nil {
				b.Show(*c.show)
			}
			p := b.Get(app.Authorize("").Location)
			if p.Form != nil || !strings.Contains(p.Body, "Sign in with my certificate") {
				t.Fatalf("the page: %d %s", p.Status, p.Body)
			}
			if p = button(b, p); p.Status != http.StatusOK || !strings.Contains(p.Body, c.says) {
				t.Errorf("want %q, got %d %s", c.says, p.Status, p.Body)
			}
			if n := len(ny.Sessions("")); n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
	for _, issuer := range both {
		b := testkit.NewBrowser(t, both...)
		b.Show(*certify(issuer, "user", "ann"))
		for _, at := range both {
			here := app.Through(at)
			answer := here.Authorize("")
			p := b.Get(answer.Location)
			if p.Location == "" {
				p = button(b, p)
			}
			if p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location, vault+"/.concord/callback?") {
				t.Errorf("ann's certificate of %s at %s: %d %s", issuer.ClusterID, at.ClusterID, p.Status, p.Body)
			}
		}
	}
	if s := ny.Sessions("ann"); len(s) == 0 || s[0].Level != 3 || s[0].Scheme != "card" || s[0].Methods[0] != "certificate" {
		t.Errorf("ann's sessions: %+v", s)
	}
}

func certify(d *testkit.DataCenter, profile, name string) *testkit.Certificate {
	c := d.Certify(profile, name, "1h")
	return &c
}

// TestCertificatesOfTheOperatorsOwn: under client_ca_file the scheme says where the user's name stands, and it counts byte for byte, once, and
// not beside a machine's name; without the file such a scheme takes nobody.
func TestCertificatesOfTheOperatorsOwn(t *testing.T) {
	t.Parallel()
	root := selfMade(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Example people"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	file := filepath.Join(t.TempDir(), "people.pem")
	if err := os.WriteFile(file, []byte(root.CertPEM), 0o600); err != nil {
		t.Fatal(err)
	}
	d := testkit.StartWith(t, testkit.Options{ClientCAFile: file}, "NYDC")[0]
	plain := testkit.Start(t, "LDC")[0]
	for _, at := range []*testkit.DataCenter{d, plain} {
		at.User("ann")
		at.User("ann@people.example")
		for _, field := range []string{"email", "common_name"} {
			at.Put("/v1/authentication-schemes/"+field, wire.AuthenticationScheme{Name: field, Steps: []wire.SchemeStep{{Method: "certificate", CertificateName: field}}})
		}
	}
	named := func(common string, emails ...string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: common}, EmailAddresses: emails}
	}
	machine := named("ann", "ann@people.example")
	machine.URIs = []*url.URL{{Scheme: "spiffe", Host: "nydc", Path: "/agent/ann"}}
	twice := named("ann")
	twice.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: []int{2, 5, 4, 3}, Value: "ann"}, {Type: []int{2, 5, 4, 3}, Value: "eve"}}
	for name, c := range map[string]struct {
		template    *x509.Certificate
		field, user string
		at          *testkit.DataCenter
	}{
		"e-mail":                {named("x", "ann@people.example"), "email", "ann@people.example", d},
		"common name":           {named("ann"), "common_name", "ann", d},
		"part of an e-mail":     {named("ann", "ann@elsewhere.example"), "email", "", d},
		"two e-mails":           {named("ann", "ann@people.example", "eve@people.example"), "email", "", d},
		"no e-mail":             {named("ann"), "email", "", d},
		"two common names":      {twice, "common_name", "", d},
		"a machine's":           {machine, "common_name", "", d},
		"a machine's e-mail":    {machine, "email", "", d},
		"no client_ca_file":     {named("ann"), "common_name", "", plain},
		"the other field":       {named("ann@people.example"), "email", "", d},
		"a name with a newline": {named("ann\n"), "common_name", "", d},
	} {
		t.Run(name, func(t *testing.T) {
			app := c.at.Asks("vault", vault, c.field)
			b := testkit.NewBrowser(t, c.at)
			b.Show(*selfMade(t, c.template, root))
			p := button(b, b.Get(app.Authorize("").Location))
			if c.user == "" {
				if p.Status != http.StatusOK || !strings.Contains(p.Body, `class="alert"`) {
					t.Errorf("taken: %d %s", p.Status, p.Body)
				}
				return
			}
			if s := c.at.Sessions(c.user); p.Status != http.StatusSeeOther || len(s) != 1 {
				t.Errorf("refused: %d %s", p.Status, p.Body)
			}
		})
	}
}

// selfMade is a certificate for clients, signed by another one or by itself.
func selfMade(t *testing.T, template *x509.Certificate, by *testkit.Certificate) *testkit.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if !template.IsCA {
		template.ExtKeyUsage, template.KeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, x509.KeyUsageDigitalSignature
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.Pair.Leaf, by.Pair.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &testkit.Certificate{CertPEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), Pair: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}}
}

// TestChains: every step counts, in order, of one and the same person, within five minutes and five wrong proofs; what the browser keeps
// between two steps is good once, in that browser, for the scheme as it was (SEC-01, SEC-15, SEC-30).
func TestChains(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Now())
	d := testkit.StartWith(t, testkit.Options{Clock: now}, "NYDC")[0]
	d.User("ann")
	d.User("bob")
	d.Scheme("both", 5, "certificate", "password")
	app := d.Asks("vault", vault, "both")
	ann, bob := d.Certify("user", "ann", "24h"), d.Certify("user", "bob", "24h")
	password := func(word string) url.Values { return url.Values{"password": {word}} }
	// second begins with a certificate and stands before the password.
	second := func(t *testing.T, c testkit.Certificate) (*testkit.Browser, testkit.Page) {
		b := testkit.NewBrowser(t, d)
		b.Show(c)
		p := button(b, b.Get(app.Authorize("").Location))
		if p.Form == nil || p.Hidden.Get("progress") == "" || !strings.Contains(p.Body, "Step 2 of 2") {
			t.Fatalf("after the certificate: %d %s", p.Status, p.Body)
		}
		return b, p
	}
	begins := func(p testkit.Page) bool {
		return p.Status == http.StatusOK && p.Form == nil && strings.Contains(p.Body, "Begin again") && strings.Contains(p.Body, "Step 1 of 2")
	}
	nobody := func(t *testing.T) {
		t.Helper()
		if n := len(d.Sessions("")); n != 0 {
			t.Errorf("%d sessions without all steps", n)
		}
	}
	t.Run("another person", func(t *testing.T) {
		b, p := second(t, bob)
		p = b.Submit(p, url.Values{"user": {"ann"}, "password": {testkit.Password}})
		if p.Form == nil || strings.Contains(p.Body, `value="ann"`) {
			t.Errorf("the name of the first step is not kept: %s", p.Body)
		}
		nobody(t)
	})
	t.Run("straight to the end", func(t *testing.T) {
		b := testkit.NewBrowser(t, d)
		p := b.Get(app.Authorize("").Location)
		p = b.Submit(p, url.Values{"user": {"ann"}, "password": {testkit.Password}})
		if p.Status != http.StatusOK || !strings.Contains(p.Body, "showed no certificate") {
			t.Errorf("a password in the place of the certificate: %d %s", p.Status, p.Body)
		}
		nobody(t)
	})
	t.Run("another browser", func(t *testing.T) {
		_, p := second(t, ann)
		thief := testkit.NewBrowser(t, d)
		form := thief.Get(app.Authorize("").Location)
		values := password(testkit.Password)
		values.Set("progress", p.Hidden.Get("progress"))
		if got := thief.Submit(form, values); !begins(got) {
			t.Errorf("%d %s", got.Status, got.Body)
		}
		nobody(t)
	})
	t.Run("more than five tries", func(t *testing.T) {
		b, p := second(t, ann)
		first := p
		for i := range 5 {
			if p.Form == nil {
				t.Fatalf("after %d tries: %s", i, p.Body)
			}
			p = b.Submit(p, password("wrong"))
		}
		if p.Form != nil || !strings.Contains(p.Body, "refused too often") {
			t.Errorf("after five: %s", p.Body)
		}
		if p = b.Submit(first, password(testkit.Password)); !begins(p) {
			t.Errorf("the form of the first try again: %d %s", p.Status, p.Body)
		}
		nobody(t)
		now.Advance(time.Minute) // the account may be tried again
	})
	t.Run("too slow", func(t *testing.T) {
		b, p := second(t, ann)
		now.Advance(3 * time.Minute)
		p = b.Submit(p, password("wrong"))
		now.Advance(2 * time.Minute) // a refused proof gives no more time
		if p = b.Submit(p, password(testkit.Password)); !begins(p) {
			t.Errorf("%d %s", p.Status, p.Body)
		}
		nobody(t)
	})
	t.Run("disabled meanwhile", func(t *testing.T) {
		b, p := second(t, bob)
		d.Put("/v1/users/bob", wire.User{Name: "bob", Enabled: new(bool)})
		if p = b.Submit(p, password(testkit.Password)); p.Status == http.StatusSeeOther {
			t.Errorf("a disabled user: %d %s", p.Status, p.Body)
		}
		nobody(t)
	})
	t.Run("the scheme has changed", func(t *testing.T) {
		b, p := second(t, ann)
		d.Scheme("both", 6, "certificate", "password")
		if p = b.Submit(p, password(testkit.Password)); !begins(p) {
			t.Errorf("%d %s", p.Status, p.Body)
		}
		nobody(t)
	})
	t.Run("all of it", func(t *testing.T) {
		now.Advance(2 * time.Hour) // the pauses after the wrong passwords above
		b, p := second(t, ann)
		p = b.Submit(p, password("wrong"))
		last := p
		if p = b.Submit(p, password(testkit.Password)); p.Status != http.StatusSeeOther {
			t.Fatalf("%d %s", p.Status, p.Body)
		}
		s := d.Sessions("ann")
		if len(s) != 1 || s[0].Level != 6 || strings.Join(s[0].Methods, " ") != "certificate password" {
			t.Errorf("%+v", s)
		}
		b.Jar.SetCookies(p.URL, []*http.Cookie{{Name: "__Host-concord_sso", MaxAge: -1, Path: "/", Secure: true}})
		if p = b.Submit(last, password(testkit.Password)); !begins(p) {
			t.Errorf("the last form once more: %d %s", p.Status, p.Body)
		}
	})
}

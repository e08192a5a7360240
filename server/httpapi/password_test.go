package httpapi_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const better = "another, and better one"

// change fills in the page on which a person changes the password.
func change(b *testkit.Browser, at *testkit.DataCenter, current, first, second string) testkit.Page {
	p := b.Get(at.RuntimeURL + "/account/password")
	p.Action = "/account/password"
	return b.Submit(p, url.Values{"current": {current}, "new": {first}, "repeat": {second}})
}

// SEC-01, SEC-12, SEC-15: a person changes the password at a clone; the master looks at it and writes it; every sign-on ends but that of
// this browser, which is a new one.
func TestPeopleChangeTheirPasswordAtAnyDataCenter(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	nydc, ldc := both[0], both[1]
	nydc.User("ann")
	nydc.Put("/v1/password-policy", wire.PasswordPolicy{MinLength: new(12), MinStrength: new(2)})
	app := nydc.Application("shop", shop)
	testkit.InStep(both...)
	here, phone := testkit.NewBrowser(t, both...), testkit.NewBrowser(t, both...)
	if p := here.Get(ldc.RuntimeURL + "/account/password"); p.Status != http.StatusSeeOther || p.Location != "/login?to=password" {
		t.Fatalf("nobody: %d to %s", p.Status, p.Location)
	}
	phone.Open(app, "ann", testkit.Password)
	here.SignIn(ldc, "ann")
	before := ldc.Sessions("ann")[0]
	for why, p := range map[string]testkit.Page{
		"present password is wrong": change(here, ldc, "not the password", better, better),
		"are not the same":          change(here, ldc, testkit.Password, better, "something else"),
		"is the present one":        change(here, ldc, testkit.Password, testkit.Password, testkit.Password),
		"too short":                 change(here, ldc, testkit.Password, "elevenchars", "elevenchars"),
		"too easy to guess":         change(here, ldc, testkit.Password, "passwordpassword", "passwordpassword"),
	} {
		if p.Status != http.StatusOK || !strings.Contains(p.Body, why) || strings.Contains(p.Body, testkit.Password) {
			t.Errorf("%q: %d %s", why, p.Status, p.Body)
		}
	}
	if p := change(here, ldc, testkit.Password, better, better); p.Status != http.StatusSeeOther {
		t.Fatalf("changed: %d %s", p.Status, p.Body)
	}
	phone.WaitChallenged(app, testkit.Limit)
	testkit.InStep(both...)
	nydc.Within(testkit.Limit, "the old sign-on ends everywhere", func() bool {
		return !slices.ContainsFunc(append(ldc.Sessions("ann"), nydc.Sessions("ann")...), func(v wire.SessionView) bool { return v.SSOID == before.SSOID || v.ID == before.ID })
	})
	for _, d := range both {
		b := testkit.NewBrowser(t, both...)
		if p := signInWith(b, d, "ann", testkit.Password); p.Status == http.StatusSeeOther {
			t.Errorf("%s takes the old password", d.ClusterID)
		}
		if p := signInWith(b, d, "ann", better); p.Status != http.StatusSeeOther {
			t.Errorf("%s refuses the new password: %d", d.ClusterID, p.Status)
		}
	}
	if p := admin(t, nydc, http.MethodPatch, "/v1/users/ann", `{"password":"passwordpassword"}`).refused(t, http.StatusBadRequest, "invalid_input"); p.Errors[0].Pointer != "/password" {
		t.Errorf("an administrator's: %+v", p.Errors)
	}
}

// signInWith fills in the sign-in form.
func signInWith(b *testkit.Browser, d *testkit.DataCenter, user, password string) testkit.Page {
	return b.Submit(b.Get(d.RuntimeURL+"/login"), url.Values{"user": {user}, "password": {password}})
}

// Hashes of another system are taken over, work at once, and are hashed anew at the next sign-in without ending a sign-on, also when
// that is at a clone. What was sent is never answered (SEC-68), and password_hash is no field (SEC-60).
func TestImportedUsersSignIn(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	nydc, ldc := both[0], both[1]
	hash, err := bcrypt.GenerateFromPassword([]byte(testkit.Password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	nydc.Put("/v1/users/ann", wire.User{Name: "ann", ImportedHash: string(hash)})
	tag := admin(t, nydc, http.MethodGet, "/v1/users/ann", "")
	if strings.Contains(tag.body, "hash") || strings.Contains(tag.body, "$2a$") {
		t.Errorf("the answer tells the hash: %s", tag.body)
	}
	testkit.InStep(both...)
	b := testkit.NewBrowser(t, both...)
	if p := signInWith(b, ldc, "ann", testkit.Password); p.Status != http.StatusSeeOther {
		t.Fatalf("at the clone: %d", p.Status)
	}
	nydc.Within(testkit.Limit, "the hash is made anew", func() bool {
		return admin(t, nydc, http.MethodGet, "/v1/users/ann", "").header.Get("ETag") != tag.header.Get("ETag")
	})
	nydc.User("bob") // what ends after it is known there after it
	testkit.InStep(both...)
	testkit.NewBrowser(t, both...).SignIn(ldc, "bob")
	nydc.Delete("/v1/users/bob")
	ldc.Within(testkit.Limit, "bob is signed out", func() bool { return len(ldc.Sessions("bob")) == 0 })
	if len(ldc.Sessions("ann")) != 1 {
		t.Errorf("%d sign-ons are left", len(ldc.Sessions("ann")))
	}
	if p := signInWith(testkit.NewBrowser(t, both...), nydc, "ann", testkit.Password); p.Status != http.StatusSeeOther {
		t.Errorf("with the new hash: %d", p.Status)
	}
	for body, want := range map[string]string{
		`{"name":"u","imported_hash":"plain"}`:                                         "/imported_hash",
		`{"name":"u","imported_hash":"` + string(hash) + `","password":"long enough"}`: "/imported_hash",
		`{"name":"u","password_hash":"` + string(hash) + `"}`:                          "/password_hash",
	} {
		if p := admin(t, nydc, http.MethodPut, "/v1/users/u", body).problem(t); len(p.Errors) != 1 || p.Errors[0].Pointer != want {
			t.Errorf("%s: %+v", body, p)
		}
	}
}

// SEC-32: guesses of a stranger keep nobody out whose browser signed in before.
func TestGuessesKeepNobodyOutOfTheirOwnBrowser(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	d.User("ann")
	hers, theirs := testkit.NewBrowser(t, d), testkit.NewBrowser(t, d)
	hers.SignIn(d, "ann")
	hers.SignOut(d)
	for range 12 {
		signInWith(theirs, d, "ann", "a wrong password")
	}
	if p := signInWith(theirs, d, "ann", testkit.Password); p.Status == http.StatusSeeOther {
		t.Error("a stranger guesses on")
	}
	if p := signInWith(hers, d, "ann", testkit.Password); p.Status != http.StatusSeeOther {
		t.Errorf("she is kept out: %d", p.Status)
	}
}

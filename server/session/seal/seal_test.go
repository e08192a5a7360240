package seal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

func ring(t testing.TB) *seal.Ring {
	t.Helper()
	keysets := map[string][]byte{}
	for _, p := range mdc.Purposes() {
		b, err := seal.NewKeyset(p)
		if err != nil {
			t.Fatal(err)
		}
		keysets[p] = b
	}
	r := new(seal.Ring)
	if err := r.Set(keysets); err != nil {
		t.Fatal(err)
	}
	return r
}

func sealed(t testing.TB, r *seal.Ring, c seal.Context) string {
	t.Helper()
	text, err := seal.Seal(r, "NYDC", c, []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// SEC-08: every part of the context is bound, and parts do not run into one another.
func TestContextIsBound(t *testing.T) {
	r := ring(t)
	right := seal.Context{Purpose: mdc.PurposeAgent, Agent: "shop", Host: "shop.example.com"}
	text := sealed(t, r, right)
	if plain, issuer, err := seal.Open(r, right, text); err != nil || string(plain) != "plain" || issuer != "NYDC" {
		t.Fatalf("open: %q by %q, %v", plain, issuer, err)
	}
	for name, c := range map[string]seal.Context{
		"purpose":    {Purpose: mdc.PurposeSignIn, Agent: "shop", Host: "shop.example.com"},
		"agent":      {Purpose: mdc.PurposeAgent, Agent: "wiki", Host: "shop.example.com"},
		"host":       {Purpose: mdc.PurposeAgent, Agent: "shop", Host: "wiki.example.com"},
		"moved byte": {Purpose: mdc.PurposeAgent, Agent: "shops", Host: "hop.example.com"},
	} {
		if _, _, err := seal.Open(r, c, text); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := seal.Open(r, right, strings.Replace(text, "NYDC", "LDC", 1)); !errors.Is(err, seal.ErrOpen) {
		t.Error("opened with another issuer")
	}
	if _, _, err := seal.Open(ring(t), right, text); !errors.Is(err, seal.ErrOpen) {
		t.Error("opened with other keys")
	}
}

// A text is never longer than a cookie may be, and there are no keys where none were set.
func TestSealRefuses(t *testing.T) {
	r := ring(t)
	if _, err := seal.Seal(r, "NYDC", seal.Context{Purpose: mdc.PurposeFlow}, make([]byte, 2900)); !errors.Is(err, seal.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	if _, err := seal.Seal(new(seal.Ring), "NYDC", seal.Context{Purpose: mdc.PurposeFlow}, nil); err == nil {
		t.Error("sealed without keys")
	}
	if _, err := seal.NewKeyset("nonsense"); err == nil {
		t.Error("made a keyset for no purpose")
	}
	before := r.Generation()
	if err := r.Set(map[string][]byte{mdc.PurposeFlow: []byte("{}")}); err == nil || r.Generation() != before {
		t.Errorf("took a keyset without keys: %v", err)
	}
}

// FLT-33, SEC-06, SEC-07: nothing but the text itself opens.
func FuzzOpen(f *testing.F) {
	r := ring(f)
	c := seal.Context{Purpose: mdc.PurposeSignIn, Host: "login.example.com"}
	good := sealed(f, r, c)
	for _, seed := range []string{good, good + "=", good[:len(good)-1], "c1.NYDC.", " " + good, good + "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, _, err := seal.Open(r, c, text); err == nil && text != good {
			t.Errorf("%q opens", text)
		}
	})
}

package identity_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/identity"
)

func newHasher(t testing.TB) *identity.Hasher {
	t.Helper()
	h, err := identity.NewHasher(identity.HasherConfig{MaxWait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hash(t testing.TB, h *identity.Hasher, plain string) string {
	t.Helper()
	phc, err := h.Hash(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	return phc
}

func TestHashAndVerify(t *testing.T) {
	h := newHasher(t)
	phc := hash(t, h, "correct horse")
	if !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("not the agreed parameters: %s", phc)
	}
	if ok, err := h.Verify(t.Context(), phc, "correct horse"); !ok || err != nil {
		t.Errorf("right password: %v %v", ok, err)
	}
	if ok, err := h.Verify(t.Context(), phc, "correct horsf"); ok || err != nil {
		t.Errorf("wrong password: %v %v", ok, err)
	}
	if again := hash(t, h, "correct horse"); again == phc {
		t.Error("two hashes share a salt")
	}
}

// foreign is "password" with salt "somesalt" at t=2, m=64 KiB, p=1, tag 24 bytes: what the reference implementation's
// command line prints (argon2 somesalt -id -t 2 -m 6 -p 1 -l 24), tag 068d62b2…8d41f7.
const foreign = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$Bo1ismRVk2qm6+YAYLCmWHDb+j3fjUH3"

// Proves interoperability (RFC 9106): a hash of another program, with other parameters, is checked.
func TestVerifyForeignHash(t *testing.T) {
	h := newHasher(t)
	if ok, err := h.Verify(t.Context(), foreign, "password"); !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
}

// Proves that a hostile hash costs nothing: wrong shape, or parameters beyond the caps.
func TestVerifyRefusesHostileHashes(t *testing.T) {
	h := newHasher(t)
	const tail = "$c29tZXNhbHRzb21lc2FsdA$YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE"
	cases := map[string]string{
		"empty":             "",
		"no dollar":         "argon2id$v=19$m=19456,t=2,p=1" + tail,
		"gigabytes":         "$argon2id$v=19$m=4194304,t=2,p=1" + tail,
		"just over memory":  "$argon2id$v=19$m=65537,t=2,p=1" + tail,
		"many passes":       "$argon2id$v=19$m=19456,t=4000000000,p=1" + tail,
		"many lanes":        "$argon2id$v=19$m=19456,t=2,p=255" + tail,
		"no lanes":          "$argon2id$v=19$m=19456,t=2,p=0" + tail,
		"no passes":         "$argon2id$v=19$m=19456,t=0,p=1" + tail,
		"little memory":     "$argon2id$v=19$m=7,t=2,p=1" + tail,
		"overflow":          "$argon2id$v=19$m=4294967297,t=2,p=1" + tail,
		"leading zero":      "$argon2id$v=19$m=019456,t=2,p=1" + tail,
		"sign":              "$argon2id$v=19$m=+19456,t=2,p=1" + tail,
		"other order":       "$argon2id$v=19$t=2,m=19456,p=1" + tail,
		"more parameters":   "$argon2id$v=19$m=19456,t=2,p=1,data=eA" + tail,
		"argon2i":           "$argon2i$v=19$m=19456,t=2,p=1" + tail,
		"old version":       "$argon2id$v=16$m=19456,t=2,p=1" + tail,
		"no version":        "$argon2id$m=19456,t=2,p=1" + tail,
		"bcrypt":            "$2y$10$abcdefghijklmnopqrstuv",
		"padding":           "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA==$YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE",
		"line end in salt":  "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNh\nbHRzb21lc2FsdA$YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE",
		"loose bits":        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdB$YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE",
		"short salt":        "$argon2id$v=19$m=19456,t=2,p=1$c29t$YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE",
		"empty tag":         "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$",
		"short tag":         "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$YWFhYQ",
		"trailing":          "$argon2id$v=19$m=19456,t=2,p=1" + tail + "$",
		"very long":         "$argon2id$v=19$m=19456,t=2,p=1" + tail + strings.Repeat("A", 10_000),
		"NUL behind":        "$argon2id$v=19$m=19456,t=2,p=1" + tail + "\x00",
		"space in number":   "$argon2id$v=19$m= 19456,t=2,p=1" + tail,
		"hexadecimal":       "$argon2id$v=19$m=0x4c00,t=2,p=1" + tail,
		"negative passes":   "$argon2id$v=19$m=19456,t=-2,p=1" + tail,
		"a thousand dollar": strings.Repeat("$", 1000),
	}
	for name, phc := range cases {
		t.Run(name, func(t *testing.T) {
			if ok, err := h.Verify(t.Context(), phc, "x"); ok || err == nil {
				t.Fatalf("ok %v, err %v", ok, err)
			}
		})
	}
}

// Proves SEC-33: a password beyond 1 KiB is refused before it costs a hash.
func TestLongSecretsAreRefusedBeforeHashing(t *testing.T) {
	h := newHasher(t)
	long := strings.Repeat("a", identity.MaxPassword+1)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel() // a caller that would wait for its turn would get this error instead
	_, err := h.Hash(cancelled, long)
	if fault.CodeOf(err) != "secret_too_long" {
		t.Errorf("hash: %v", err)
	}
	if _, err := h.Verify(cancelled, foreign, long); fault.CodeOf(err) != "secret_too_long" {
		t.Errorf("verify: %v", err)
	}
	if ok, err := h.Verify(t.Context(), hash(t, h, long[1:]), long[1:]); !ok || err != nil {
		t.Errorf("exactly 1 KiB: %v %v", ok, err)
	}
}

// Proves SEC-33: with every core busy, a caller gets "busy" with Retry-After after a bounded wait, and no more hashes than
// that run. The bubble's clock stands still while hashes run, so the wait ends only when all that can run are stuck.
func TestBusyHasherRefusesAfterABoundedWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := identity.NewHasher(identity.HasherConfig{Concurrency: 1, MaxWait: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		release := identity.Occupy(h)
		_, err = h.Hash(t.Context(), "password")
		if !fault.Is(err, fault.Unavailable) || fault.CodeOf(err) != "busy" {
			t.Fatalf("got %v", err)
		}
		if f := err.(*fault.Error); f.RetryAfter <= 0 {
			t.Errorf("no Retry-After: %+v", f)
		}
		release()
		if _, err := h.Hash(t.Context(), "password"); err != nil {
			t.Errorf("after the turn was free again: %v", err)
		}
	})
}

func TestWaitingCallerLeavesWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, err := identity.NewHasher(identity.HasherConfig{Concurrency: 1, MaxWait: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer identity.Occupy(h)()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Hash(ctx, "password"); err == nil || fault.CodeOf(err) != "" {
			t.Fatalf("got %v", err)
		}
	})
}

func TestHasherServesManyCallers(t *testing.T) {
	h := newHasher(t)
	phc := hash(t, h, "password")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if ok, err := h.Verify(t.Context(), phc, "password"); !ok || err != nil {
				t.Errorf("%v %v", ok, err)
			}
		})
	}
	wg.Wait()
}

func TestNewHasherRefusesNegativeBounds(t *testing.T) {
	if _, err := identity.NewHasher(identity.HasherConfig{Concurrency: -1}); err == nil {
		t.Error("negative concurrency was taken")
	}
}

// TestTurnsRest: after a hash its turn stays taken for as long as the node says, so that others get the cores (FLT-29).
func TestTurnsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rest := time.Second
		h, err := identity.NewHasher(identity.HasherConfig{Concurrency: 1, MaxWait: 2 * time.Second, Rest: func(time.Duration) time.Duration { return rest }})
		if err != nil {
			t.Fatal(err)
		}
		phc, began := hash(t, h, "password"), time.Now()
		if _, err := h.Verify(t.Context(), phc, "password"); err != nil || time.Since(began) != time.Second {
			t.Errorf("the second hash began %s after the first: %v", time.Since(began), err)
		}
		rest = 0
		began = time.Now()
		if _, err := h.Verify(t.Context(), phc, "password"); err != nil || time.Since(began) != time.Second {
			t.Errorf("the third hash began %s after the second: %v", time.Since(began), err)
		}
		began = time.Now()
		if _, err := h.Verify(t.Context(), phc, "password"); err != nil || time.Since(began) != 0 {
			t.Errorf("without a rest it began %s later: %v", time.Since(began), err)
		}
	})
}

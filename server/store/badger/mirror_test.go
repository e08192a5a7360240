package badger_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
	"github.com/concord-access/terraform-provider-concord/server/store/mirror"
)

func mirrorAt(t *testing.T, key string) *badger.MirrorConfig {
	return &badger.MirrorConfig{Path: filepath.Join(t.TempDir(), "head"), Key: []byte(key)}
}

// TestMirror: the last committed value of the key, and only of it, is found when the store is opened again.
func TestMirror(t *testing.T) {
	cfg := badger.Config{Dir: t.TempDir(), Mirror: mirrorAt(t, "head")}
	long := strings.Repeat("x", badger.MaxMirrored)
	steps := []struct {
		name  string
		write func(store.Writer) error
		want  string
		found bool
	}{
		{"never written", putting("other", "1"), "", false},
		{"first value", putting("head", "1"), "1", true},
		{"another key", putting("header", "2"), "1", true},
		{"second value", putting("head", "2"), "2", true},
		{"dropped value", func(w store.Writer) error { return errors.Join(putting("head", "3")(w), errRefused) }, "2", true},
		{"longest value", putting("head", long), long, true},
		{"empty value", putting("head", ""), "", true},
		{"deleted", func(w store.Writer) error { return w.Delete([]byte("head")) }, "", false},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			s := open(t, cfg)
			if err := s.Update(t.Context(), step.write); err != nil && !errors.Is(err, errRefused) {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, cfg)
			got, found := s.Mirrored()
			if string(got) != step.want || found != step.found {
				t.Errorf("mirrored = %.9q, %v; want %.9q, %v", got, found, step.want, step.found)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestMirrorRefusals: what the mirror cannot keep is not committed.
func TestMirrorRefusals(t *testing.T) {
	s := open(t, badger.Config{Mirror: mirrorAt(t, "head")})
	if err := s.Update(t.Context(), putting("head", strings.Repeat("x", badger.MaxMirrored+1))); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("too long a value = %v; want ErrTooLarge", err)
	}
	expiring := func(w store.Writer) error { return w.Put([]byte("head"), []byte("1"), time.Hour) }
	if err := s.Update(t.Context(), expiring); err == nil {
		t.Error("a value that expires was taken")
	}
	if _, err := get(t, s, "head"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("head = %v; want ErrNotFound", err)
	}
}

// TestMirrorDamage proves the head A/B rows of FLT-07 as far as the file can tell: one bad slot leaves the other, two are
// refused. That an older or absent file does not fit the database is for the journal to find.
func TestMirrorDamage(t *testing.T) {
	// Two slots, of which the second holds generation 3, value "2", and the first generation 2, value "1".
	const newest, older = mirror.SlotSpan, 0
	flip := func(at int) func([]byte) []byte {
		return func(raw []byte) []byte { raw[at] ^= 1; return raw }
	}
	cases := []struct {
		name   string
		damage func(raw []byte) []byte
		want   string // "" = ErrMirrorUnreadable
	}{
		{"none", func(raw []byte) []byte { return raw }, "2"},
		{"newest: value", flip(newest + 21), "1"},
		{"newest: magic", flip(newest), "1"},
		{"newest: generation", flip(newest + 15), "1"},
		{"newest: length beyond the slot", flip(newest + 17), "1"},
		{"newest: checksum", flip(newest + 22), "1"},
		{"older: value", flip(older + 21), "2"},
		{"newest cut off", func(raw []byte) []byte { return raw[:newest+10] }, "1"},
		{"newest zeroed", func(raw []byte) []byte { clear(raw[newest:]); return raw }, "1"},
		{"newest overwritten by older", func(raw []byte) []byte { copy(raw[newest:], raw[:newest]); return raw }, "1"},
		{"both flipped", func(raw []byte) []byte { return flip(older + 21)(flip(newest + 21)(raw)) }, ""},
		{"all zero", func(raw []byte) []byte { clear(raw); return raw }, ""},
		{"empty", func([]byte) []byte { return nil }, ""},
		{"cut off within the first", func(raw []byte) []byte { return raw[:30] }, ""},
		{"swapped", func(raw []byte) []byte { return append(raw[newest:len(raw):len(raw)], raw[:newest]...) }, ""},
		{"other content", func([]byte) []byte { return []byte(strings.Repeat("CNCDMIR1", 4096)) }, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := badger.Config{Dir: t.TempDir(), Mirror: mirrorAt(t, "head")}
			s := open(t, cfg)
			put(t, s, "head", "1")
			put(t, s, "head", "2")
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			rewrite(t, cfg.Mirror.Path, c.damage)
			wantMirror(t, cfg, c.want)
		})
	}
}

func rewrite(t *testing.T, path string, damage func([]byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, damage(raw), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantMirror opens the store and writes on, so that a damaged slot is seen to be replaced.
func wantMirror(t *testing.T, cfg badger.Config, want string) {
	t.Helper()
	s, err := badger.Open(cfg)
	if want == "" {
		if !errors.Is(err, badger.ErrMirrorUnreadable) {
			t.Errorf("open = %v; want ErrMirrorUnreadable", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, found := s.Mirrored(); string(got) != want || !found {
		t.Errorf("mirrored = %q, %v; want %q", got, found, want)
	}
	put(t, s, "head", "3")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, cfg)
	if got, _ := s.Mirrored(); string(got) != "3" {
		t.Errorf("mirrored after the next write = %q; want 3", got)
	}
}

package seal_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

// issuer is the data center LDC as another one sees it.
type issuer struct {
	mu      sync.Mutex // guards all below
	keyset  []byte
	err     error
	revoked map[uint32]bool
	member  bool
	asked   atomic.Int64
	hold    chan struct{} // answers wait for it; nil = they do not
}

func (i *issuer) Member(id string) bool { return i.member && mdc.SameName(id, "LDC") }

func (i *issuer) Keyset(context.Context, string, string) ([]byte, error) {
	i.asked.Add(1)
	if i.hold != nil {
		<-i.hold
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keyset, i.err
}

func (i *issuer) Revoked(_ string, key uint32) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.revoked[key]
}

// apart is a ring that does not have the keys under which LDC seals.
func apart(t *testing.T) (here, there *seal.Ring, ldc *issuer, now *clock.Manual, f *seal.Foreign) {
	t.Helper()
	keyset, err := seal.NewKeyset(mdc.PurposeAgent)
	if err != nil {
		t.Fatal(err)
	}
	here, there, now = ring(t), new(seal.Ring), clock.NewManual(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	if err := there.Set(map[string][]byte{mdc.PurposeAgent: keyset}); err != nil {
		t.Fatal(err)
	}
	ldc = &issuer{keyset: keyset, member: true, revoked: map[uint32]bool{}}
	if f, err = seal.NewForeign(ldc, now, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	here.Ask(f)
	return here, there, ldc, now, f
}

var atShop = seal.Context{Purpose: mdc.PurposeAgent, Agent: "shop", Host: "shop.example.com"}

func by(t *testing.T, r *seal.Ring, issuer string) string {
	t.Helper()
	text, err := seal.Seal(r, issuer, atShop, []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func opens(r *seal.Ring, text string) bool {
	_, _, err := seal.Open(r, atShop, text)
	return err == nil
}

// with gives a text of LDC another key id.
func with(t *testing.T, text string, key uint32) string {
	t.Helper()
	head, body := text[:strings.LastIndexByte(text, '.')+1], text[strings.LastIndexByte(text, '.')+1:]
	box, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint32(box[1:5], key)
	return head + base64.RawURLEncoding.EncodeToString(box)
}

// FLT-23: a key that is not here is asked for once, and opens what its issuer sealed and nobody else.
func TestMissingKeyIsAskedForOnce(t *testing.T) {
	here, there, ldc, _, f := apart(t)
	text, foreign := by(t, there, "LDC"), by(t, there, "TYO")
	ldc.hold = make(chan struct{})
	var all sync.WaitGroup
	var good atomic.Int64
	for range 50 {
		all.Go(func() {
			if opens(here, text) {
				good.Add(1)
			}
		})
	}
	close(ldc.hold)
	all.Wait()
	if good.Load() != 50 || ldc.asked.Load() != 1 {
		t.Errorf("%d of 50 opened, %d questions", good.Load(), ldc.asked.Load())
	}
	if opens(here, foreign) || ldc.asked.Load() != 1 {
		t.Error("LDC's key opens another's text")
	}
	generation := here.Generation()
	f.Forget()
	if here.Generation() == generation {
		t.Error("what was opened by keys that are forgotten stays open")
	}
	if !opens(here, text) || ldc.asked.Load() != 2 {
		t.Errorf("after forgetting: %d questions", ldc.asked.Load())
	}
}

// FLT-23: an unknown key is refused without another question for 30 seconds, and invented ones cost one question a second.
func TestInventedKeysCostLittle(t *testing.T) {
	here, there, ldc, now, _ := apart(t)
	text := by(t, there, "LDC")
	for range 100 {
		if opens(here, with(t, text, 7)) {
			t.Fatal("an invented key opens")
		}
	}
	if n := ldc.asked.Load(); n != 1 {
		t.Errorf("%d questions for one key", n)
	}
	now.Advance(31 * time.Second)
	if opens(here, with(t, text, 7)) || ldc.asked.Load() != 2 {
		t.Errorf("after 31 seconds: %d questions", ldc.asked.Load())
	}
	for id := range uint32(5000) {
		if opens(here, with(t, text, 1000+id)) {
			t.Fatal("an invented key opens")
		}
	}
	if n := ldc.asked.Load(); n > 12 {
		t.Errorf("%d questions for 5000 invented keys of one moment", n)
	}
	if !opens(here, text) {
		t.Error("a good cookie is refused meanwhile")
	}
	if opens(here, by(t, there, "XDC")) || ldc.asked.Load() > 12 {
		t.Error("no data center was asked about a cookie of none")
	}
}

// An issuer that does not answer is left alone for a while, and so is one that is no member; a revoked key is believed from nobody.
func TestMissingKeyIsRefused(t *testing.T) {
	here, there, ldc, now, _ := apart(t)
	text := by(t, there, "LDC")
	ldc.err = errors.New("away")
	for range 3 {
		if opens(here, text) {
			t.Fatal("opened without a key")
		}
	}
	if n := ldc.asked.Load(); n != 1 {
		t.Errorf("%d questions to one that is away", n)
	}
	ldc.err = nil
	now.Advance(6 * time.Second)
	if !opens(here, text) {
		t.Error("refused although LDC is back")
	}
	here, there, ldc, _, _ = apart(t)
	ldc.member = false
	if opens(here, by(t, there, "LDC")) || ldc.asked.Load() != 0 {
		t.Error("a stranger was asked, and believed")
	}
	here, there, ldc, _, _ = apart(t)
	sealing, _, err := seal.KeysOf(ldc.keyset)
	if err != nil {
		t.Fatal(err)
	}
	ldc.revoked[sealing] = true
	if opens(here, by(t, there, "LDC")) {
		t.Error("a revoked key was believed")
	}
	other, _, err := seal.AddKey(ldc.keyset, func(uint32) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	ldc.keyset = other // another key of LDC does not bring it back
	if opens(here, with(t, by(t, there, "LDC"), sealing+1)) || opens(here, by(t, there, "LDC")) {
		t.Error("a revoked key was believed beside another")
	}
}

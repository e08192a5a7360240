package passphrase_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// vault wraps as a node's key does.
type vault struct{ aead cipher.AEAD }

func newVault(t *testing.T) vault {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return vault{aead}
}

func (v vault) Wrap(plain, context []byte) ([]byte, error) {
	return v.aead.Seal(nil, nil, plain, context), nil
}

func (v vault) Unwrap(wrapped, context []byte) ([]byte, error) {
	return v.aead.Open(nil, nil, wrapped, context)
}

// side is one data center with one partner and one passphrase for both ways.
type side struct {
	partner mdc.Partner
	profile mdc.PartnerProfile
	gate    *passphrase.Gate
	store   store.Store
}

func (s *side) Partners(context.Context) ([]mdc.Partner, error) {
	return []mdc.Partner{s.partner}, nil
}

func (s *side) Partner(_ context.Context, id string) (*mdc.Partner, error) {
	if !mdc.SameName(id, s.partner.ClusterID) {
		return nil, nil
	}
	return &s.partner, nil
}

func (s *side) Profile(context.Context) (*mdc.PartnerProfile, error) { return &s.profile, nil }

func newSide(t *testing.T, own, other, phrase string, c clock.Clock) *side {
	t.Helper()
	v := newVault(t)
	s := &side{partner: mdc.Partner{ClusterID: other, AgentID: "a"}, profile: mdc.PartnerProfile{AgentID: "a"}}
	for _, h := range []struct {
		kind mdc.Kind
		o    mdc.PassphraseHolder
	}{{mdc.PartnerKind(), &s.partner}, {mdc.PartnerProfileKind(), &s.profile}} {
		p, _ := h.o.Shared()
		p.Wrapped, _ = v.Wrap([]byte(phrase), mdc.PassphraseContext(h.kind, h.o.ObjectName()))
	}
	var err error
	if s.store, err = badger.Open(badger.Config{Dir: t.TempDir(), MemTableBytes: 8 << 20, Clock: c}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	s.restart(t, own, c)
	return s
}

// restart is the next process: it has the store of the last one, and nothing else.
func (s *side) restart(t *testing.T, own string, c clock.Clock) {
	t.Helper()
	var err error
	if s.gate, err = passphrase.NewGate(t.Context(), own, s.store, passphrase.NewKeys(newVault(t), own), s, c); err != nil {
		t.Fatal(err)
	}
}

func signed(t *testing.T, s *side) passphrase.Signed {
	t.Helper()
	out, ok, err := s.gate.Sign(t.Context(), &s.partner, passphrase.Message{Method: "GET", Target: "/x", Body: make([]byte, 32)}, false)
	if err != nil || !ok {
		t.Fatal(err)
	}
	return out
}

// TestFrames: an answer comes out as it went in, however it arrives; one that was changed, cut off, put in another order, made longer or
// is another question's gives an error, and none of the bytes that are not proved.
func TestFrames(t *testing.T) {
	t.Parallel()
	c := clock.NewManual(time.Now())
	a := newSide(t, "A", "B", "one passphrase, long enough", c)
	s, other := signed(t, a), signed(t, a)
	body := make([]byte, 3*passphrase.MaxFrame+17)
	_, _ = rand.Read(body)
	sealed := func(s passphrase.Signed, body []byte, flush bool) []byte {
		var out bytes.Buffer
		w := s.Frames(&out)
		for part := range slices.Chunk(body, 1000) {
			if _, err := w.Write(part); err != nil {
				t.Fatal(err)
			}
			if flush {
				_ = w.Flush() // into memory
			}
		}
		_ = w.Close() // the same
		return out.Bytes()
	}
	whole := sealed(s, body, false)
	for name, in := range map[string]struct{ sent, want []byte }{"long": {whole, body}, "flushed": {sealed(s, body, true), body}, "empty": {sealed(s, nil, false), nil}} {
		got, err := io.ReadAll(iotest.OneByteReader(s.Body(iotest.HalfReader(bytes.NewReader(in.sent)))))
		if err != nil || !bytes.Equal(got, in.want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	const frame = 4 + passphrase.MaxFrame + 32
	swapped := slices.Concat(whole[frame:2*frame], whole[:frame], whole[2*frame:])
	flipped := func(at int) []byte {
		out := slices.Clone(whole)
		out[at] ^= 0x80
		return out
	}
	for name, c := range map[string]struct {
		sent  []byte
		given int // bytes that are proved before the fault
	}{
		"cut off between frames":   {whole[:2*frame], 2 * passphrase.MaxFrame},
		"cut off in a frame":       {whole[:frame+50], passphrase.MaxFrame},
		"cut off in a head":        {whole[:2*frame+2], 2 * passphrase.MaxFrame},
		"nothing":                  {nil, 0},
		"a byte":                   {flipped(frame + 10), passphrase.MaxFrame},
		"the last frame's mark":    {flipped(0), 0},
		"a length":                 {flipped(2), 0},
		"a proof":                  {flipped(frame - 1), 0},
		"swapped":                  {swapped, 0},
		"one left out":             {slices.Concat(whole[:frame], whole[2*frame:]), passphrase.MaxFrame},
		"one twice":                {slices.Concat(whole[:frame], whole), passphrase.MaxFrame},
		"another question's":       {sealed(other, body, false), 0},
		"a frame that is too long": {append([]byte{0, 2, 0, 0}, make([]byte, 200_000)...), 0},
	} {
		got, err := io.ReadAll(s.Body(bytes.NewReader(c.sent)))
		if !errors.Is(err, passphrase.ErrFrame) || len(got) != c.given || !bytes.Equal(got, body[:len(got)]) {
			t.Errorf("%s: %d bytes, want %d, %v", name, len(got), c.given, err)
		}
	}
}

// TestGateTakesAMessageOnce: times and nonces by a clock that the test moves (SEC-40): a message counts for 30 s either way, is never taken
// twice, and none from before the start is taken, since what the last process took is not known.
func TestGateTakesAMessageOnce(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	here, there := clock.NewManual(begin), clock.NewManual(begin)
	a, b := newSide(t, "A", "B", "one passphrase, long enough", here), newSide(t, "B", "A", "one passphrase, long enough", there)
	m := passphrase.Message{Method: "GET", Target: "/x"}
	admit := func(token string) string {
		_, _, _, err := b.gate.Admit(t.Context(), token, m)
		if err == nil {
			return ""
		}
		return fault.CodeOf(err)
	}
	now := signed(t, a)
	here.Advance(29 * time.Second)
	ahead := signed(t, a)
	here.Advance(3 * time.Second)
	tooFar := signed(t, a)
	for name, c := range map[string]struct{ token, code string }{"now": {now.Token, ""}, "29 s ahead": {ahead.Token, ""}, "32 s ahead": {tooFar.Token, passphrase.CodeUnproved}} {
		if got := admit(c.token); got != c.code {
			t.Errorf("%s: %q", name, got)
		}
	}
	there.Advance(29 * time.Second)
	for name, token := range map[string]string{"now": now.Token, "ahead": ahead.Token} {
		if got := admit(token); got != passphrase.CodeUnproved {
			t.Errorf("%s is taken twice: %q", name, got)
		}
	}
	there.Advance(29 * time.Second) // 58 s: "ahead" is 29 s old now
	if got := admit(ahead.Token); got != passphrase.CodeUnproved {
		t.Errorf("taken again before its time is over: %q", got)
	}
	b.restart(t, "B", there)
	if got := admit(ahead.Token); got != passphrase.CodeUnproved {
		t.Errorf("a process that has just started takes what the last one took: %q", got)
	}
	if _, _, _, err := a.gate.Admit(t.Context(), tooFar.Token, m); fault.CodeOf(err) != passphrase.CodeUnproved {
		t.Errorf("sent back to who sent it: %v", err)
	}
}

// TestGateAfterAStartWithClocksApart: a message of a clock that is ahead is not taken again by the process after the one that took it, while
// its time is to come still, and what that clock says at the start is taken at once (SEC-40, FLT-01).
func TestGateAfterAStartWithClocksApart(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	here, there := clock.NewManual(begin.Add(20*time.Second)), clock.NewManual(begin)
	a, b := newSide(t, "A", "B", "one passphrase, long enough", here), newSide(t, "B", "A", "one passphrase, long enough", there)
	admit := func(token string) string {
		_, _, _, err := b.gate.Admit(t.Context(), token, passphrase.Message{Method: "GET", Target: "/x"})
		return fault.CodeOf(err)
	}
	pass := func(d time.Duration) {
		here.Advance(d)
		there.Advance(d)
	}
	for range 2 { // the second time it is known already
		taken := signed(t, a).Token
		if got := admit(taken); got != "" {
			t.Fatalf("20 s ahead: %q", got)
		}
		pass(time.Second)
		b.restart(t, "B", there)
		if got := admit(taken); got != passphrase.CodeUnproved {
			t.Errorf("taken again after a restart: %q", got)
		}
		pass(time.Second)
		if got := admit(signed(t, a).Token); got != "" {
			t.Errorf("a new message a second after the start: %q", got)
		}
	}
	here.Advance(3*time.Minute - 20*time.Second) // somebody sets the clock right
	there.Advance(3 * time.Minute)
	if got := admit(signed(t, a).Token); got != "" {
		t.Errorf("after the clocks were set: %q", got)
	}
	b.restart(t, "B", there)
	if got := admit(signed(t, a).Token); got != "" {
		t.Errorf("a restart remembers a lead that is no more: %q", got)
	}
}

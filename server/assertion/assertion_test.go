package assertion_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/assertion"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

var begin = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// world is a data center with partners that say what the test wants.
type world struct {
	t     testing.TB
	clock *clock.Manual
	store store.Store

	mu    sync.Mutex // guards said
	said  map[string][]assertion.Key
	asked chan string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewManual(begin), said: map[string][]assertion.Key{}, asked: make(chan string, 1024)}
	s, err := badger.Open(badger.Config{Dir: t.TempDir(), MinFree: -1, MemTableBytes: 8 << 20, CacheBytes: 1 << 20, Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w.store = s
	return w
}

func (w *world) open(id string) *assertion.Signer {
	w.t.Helper()
	s, err := assertion.Open(context.Background(), assertion.Config{ClusterID: id, Store: w.store, Wrapper: reversed{}, Partners: w, Clock: w.clock, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// round runs a signer until it has asked every partner, and stops it.
func (w *world) round(s *assertion.Signer) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for range w.List() {
		<-w.asked
	}
	// What was said last is taken over before Run ends, because it joins those who asked.
	cancel()
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) List() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.said {
		out = append(out, id)
	}
	return out
}

func (w *world) AssertionKeys(_ context.Context, id string) ([]assertion.Key, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.asked <- id }()
	if w.said[id] == nil {
		return nil, errors.New("down")
	}
	return w.said[id], nil
}

// reversed is a wrapper that a test can see through.
type reversed struct{}

func (reversed) Wrap(plain, aad []byte) ([]byte, error) {
	out := append(append([]byte{}, aad...), plain...)
	for i := range out {
		out[i] ^= 0x5a
	}
	return out, nil
}

func (reversed) Unwrap(b, aad []byte) ([]byte, error) {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= 0x5a
	}
	rest, ok := bytes.CutPrefix(out, aad)
	if !ok {
		return nil, errors.New("another context")
	}
	return rest, nil
}

func person() *mdc.Session {
	return &mdc.Session{ID: "AAAAAAAAAAAAAAAAAAAAAA", SSOID: "BBBBBBBBBBBBBBBBBBBBBB", User: "ann", Store: "local", Groups: []string{"staff"}, Level: 1,
		AuthenticatedAt: begin.Add(-time.Hour), ExpiresAt: begin.Add(time.Hour)}
}

// verified reads a token as an application does, with somebody else's library and the published keys.
func verified(t testing.TB, text string, keys []assertion.Key) map[string]any {
	t.Helper()
	set, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	var jwks jose.JSONWebKeySet
	if err := json.Unmarshal(set, &jwks); err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := token.Claims(jwks, &out); err != nil {
		t.Fatalf("not verified: %v", err)
	}
	return out
}

func assert(t testing.TB, s *assertion.Signer, agent string, v *mdc.Session) string {
	t.Helper()
	text, err := s.Assert(agent, v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestAssertionIsForOneAgentAndAMinute: what it says, verified by another implementation, and that it never outlives its session.
func TestAssertionIsForOneAgentAndAMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.open("NYDC")
	text := assert(t, s, "web", person())
	want := map[string]any{"iss": "NYDC", "aud": "web", "sub": "ann", "iat": float64(begin.Unix()), "exp": float64(begin.Add(time.Minute).Unix()),
		"auth_time": float64(begin.Add(-time.Hour).Unix()), "sid": "BBBBBBBBBBBBBBBBBBBBBB", "identity_store": "local", "groups": []any{"staff"}, "level": float64(1)}
	if d := cmp.Diff(want, verified(t, text, s.Published())); d != "" {
		t.Error(d)
	}
	parts := strings.Split(text, ".")
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	if kid := s.Own()[0].ID; string(header) != `{"alg":"EdDSA","kid":"`+kid+`","typ":"JWT"}` || !strings.HasPrefix(kid, "NYDC.") {
		t.Errorf("header %s", header)
	}
	short := person()
	short.ExpiresAt = begin.Add(10 * time.Second)
	if got := verified(t, assert(t, s, "other", short), s.Own())["exp"]; got != float64(short.ExpiresAt.Unix()) {
		t.Errorf("outlives its session: %v", got)
	}
	if text := s.String(); text != "[redacted]" {
		t.Error(text)
	}
}

// TestAssertionsAreReusedForTheSameSessionOnly: half a minute, one agent, and not over a change of groups or level (SEC-26).
func TestAssertionsAreReusedForTheSameSessionOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.open("NYDC")
	v := person()
	first := assert(t, s, "web", v)
	w.clock.Advance(29 * time.Second)
	if assert(t, s, "web", v) != first {
		t.Error("signed again within half a minute")
	}
	if got := verified(t, assert(t, s, "bank", v), s.Own()); got["aud"] != "bank" {
		t.Errorf("another agent gets %v", got)
	}
	changed := *v
	changed.Groups = nil
	if got := verified(t, assert(t, s, "web", &changed), s.Own()); len(got["groups"].([]any)) != 0 {
		t.Errorf("after a change of groups: %v", got)
	}
	w.clock.Advance(time.Second)
	if got := verified(t, assert(t, s, "web", v), s.Own()); got["iat"] != float64(begin.Add(30*time.Second).Unix()) {
		t.Errorf("after half a minute: %v", got)
	}
	w.clock.Advance(-time.Minute) // the clock goes back
	if got := verified(t, assert(t, s, "web", v), s.Own()); got["iat"] != float64(begin.Add(-30*time.Second).Unix()) {
		t.Errorf("with the clock set back: %v", got)
	}
}

// TestAssertionsAreReusedAfterALookForDueKeys: Run looks every few seconds, and where no key was due what was signed stays good.
func TestAssertionsAreReusedAfterALookForDueKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.open("NYDC")
	w.said["LDC"] = newWorld(t).open("LDC").Own()
	v := person()
	first := assert(t, s, "web", v)
	w.clock.Advance(time.Second)
	w.round(s)
	if assert(t, s, "web", v) != first {
		t.Error("signed again although the key is the same")
	}
}

// TestRenderedIsKeptAsLongAsTheAssertion, for one agent, one session as it is, and one form.
func TestRenderedIsKeptAsLongAsTheAssertion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, v := w.open("NYDC"), person()
	calls := 0
	rendered := func(agent string, v *mdc.Session, form string) string {
		t.Helper()
		text, err := s.Rendered(agent, v, form, func(signed string) (string, error) {
			calls++
			return form + " " + signed, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := rendered("web", v, "local")
	if again := rendered("web", v, "local"); again != first || calls != 1 {
		t.Errorf("rendered %d times: %q", calls, again)
	}
	signed := assert(t, s, "web", v)
	if first != "local "+signed {
		t.Errorf("%q does not hold %q", first, signed)
	}
	if got := rendered("web", v, "index"); got != "index "+signed {
		t.Errorf("another form: %q", got)
	}
	if got := rendered("bank", v, "local"); got == first {
		t.Error("another agent was given the same")
	}
	changed := *v
	changed.Groups = []string{"guests"}
	if got := rendered("web", &changed, "local"); got == first { // SEC-26
		t.Error("other groups, and the same text")
	}
	w.clock.Advance(30 * time.Second)
	if got := rendered("web", v, "local"); got == first {
		t.Error("kept beyond its time")
	}
	failed := errors.New("no room")
	if _, err := s.Rendered("web", v, "other", func(string) (string, error) { return "half", failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if got := rendered("web", v, "other"); !strings.HasPrefix(got, "other ") {
		t.Errorf("what failed was kept: %q", got)
	}
}

// TestKeysRotate: published a day before they sign and a day after, over restarts and after a long absence; never on the disk in
// clear (FLT-23).
func TestKeysRotate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := func(s *assertion.Signer) (out []string) {
		for _, k := range s.Own() {
			out = append(out, k.ID)
		}
		return out
	}
	signer := func(s *assertion.Signer) string {
		v := person()
		v.ExpiresAt = w.clock.Now().Add(time.Hour)
		text := assert(t, s, "web", v)
		verified(t, text, s.Published())
		header, _ := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[0])
		var h struct{ Kid string }
		_ = json.Unmarshal(header, &h)
		return h.Kid
	}
	const day = 24 * time.Hour
	first := signer(w.open("NYDC"))
	if again := signer(w.open("NYDC")); again != first {
		t.Error("a restart made another key")
	}
	w.clock.Advance(29*day - time.Second)
	if got := ids(w.open("NYDC")); len(got) != 1 {
		t.Errorf("before it is due: %v", got)
	}
	w.clock.Advance(time.Second)
	s := w.open("NYDC")
	if got := ids(s); len(got) != 2 || signer(s) != first {
		t.Errorf("a day before: %v", got)
	}
	second := ids(s)[1]
	w.clock.Advance(day) // the running process follows the time by itself
	if got := signer(s); got != second {
		t.Errorf("when its time has come %s signs", got)
	}
	w.clock.Advance(day + time.Second)
	if got := ids(w.open("NYDC")); len(got) != 1 || got[0] != second {
		t.Errorf("a day after: %v", got)
	}
	w.clock.Advance(300 * day)
	late := w.open("NYDC")
	if got := ids(late); len(got) != 2 || signer(late) != second {
		t.Errorf("after a long absence: %v, signed by %s", got, signer(late))
	}
	err := w.store.View(t.Context(), func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte("n/")}, func(k, v []byte) error {
			if bytes.Contains(v, []byte("seed")) {
				t.Errorf("%s lies there in clear", k)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPartnersKeysArePublished, as long as they are partners, under their own id only, and also while they are away.
func TestPartnersKeysArePublished(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	ldc := other.open("LDC")
	s := w.open("NYDC")
	w.said["LDC"] = ldc.Own()
	w.round(s)
	if got := verified(t, assert(t, ldc, "web", person()), s.Published()); got["iss"] != "LDC" {
		t.Errorf("got %v", got)
	}
	stolen := s.Own()[0]
	for name, keys := range map[string][]assertion.Key{
		"another's id":    {{KeyType: "OKP", Curve: "Ed25519", Algorithm: "EdDSA", Use: "sig", ID: stolen.ID, X: stolen.X}},
		"no thumbprint":   {{KeyType: "OKP", Curve: "Ed25519", Algorithm: "EdDSA", Use: "sig", ID: "LDC.x", X: stolen.X}},
		"a short key":     {{KeyType: "OKP", Curve: "Ed25519", Algorithm: "EdDSA", Use: "sig", ID: "LDC.x", X: "AAAA"}},
		"a symmetric one": {{KeyType: "oct", Algorithm: "HS256", Use: "sig", ID: "LDC.x", X: stolen.X}},
		"none":            {}, "too many": append(append(append([]assertion.Key{}, ldc.Own()...), ldc.Own()...), make([]assertion.Key, 7)...),
	} {
		w.said["LDC"] = keys
		fresh := w.open("NYDC")
		w.round(fresh)
		if d := cmp.Diff(append(s.Own(), ldc.Own()...), fresh.Published()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	w.said["LDC"] = nil // away, and this data center starts anew
	if got := w.open("NYDC").Published(); len(got) != 2 {
		t.Errorf("while it is away: %v", got)
	}
	delete(w.said, "LDC")
	if got := w.open("NYDC").Published(); len(got) != 1 {
		t.Errorf("after its registration went: %v", got)
	}
}

func BenchmarkAssertFromMemory(b *testing.B) {
	w := newWorld(b)
	s, v := w.open("NYDC"), person()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Assert("web", v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAssertSigned(b *testing.B) {
	w := newWorld(b)
	s := w.open("NYDC")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Assert("web", person()); err != nil {
			b.Fatal(err)
		}
	}
}

package administration_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/administration"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

const (
	first    = "the token of the first start, which may everything"
	deploy   = "0123456789abcdef0123456789abcdef"
	ended    = "fedcba9876543210fedcba9876543210"
	password = "a password of somebody"
)

// world is the administration of one data center on a real store, with a configuration that a test changes at will.
type world struct {
	*administration.Administrators
	clock  *clock.Manual
	roles  []*mdc.AdminRole
	tokens []*mdc.AdminToken
	users  map[string]*mdc.User
}

// source is the configuration of a world.
type source struct{ *world }

func (s source) Administrators(context.Context) (*administration.Index, error) {
	return administration.Compile(s.roles, s.tokens), nil
}

func (s source) User(_ context.Context, name string) (*mdc.User, bool, error) {
	u, ok := s.users[mdc.FoldName(name)]
	return u, ok, nil
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{clock: clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), users: map[string]*mdc.User{}}
	kept, err := badger.Open(badger.Config{Dir: filepath.Join(t.TempDir(), "state"), MinFree: -1, MemTableBytes: 8 << 20, Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	until := w.clock.Now().Add(time.Hour)
	w.roles = []*mdc.AdminRole{
		{Name: "readers", Permissions: []mdc.Permission{{Actions: []string{mdc.ActionRead}, Kinds: []string{"group"}}}, Users: []string{"Ann"}, Certificates: []string{"spiffe://nydc/admin/ops"}},
		{Name: "writers", Permissions: []mdc.Permission{{Actions: []string{mdc.ActionWrite}, Kinds: []string{"group"}, SecurityDomains: []string{"A"}}}, Groups: []string{"operators"}},
	}
	w.tokens = []*mdc.AdminToken{{Name: "ci", Roles: []string{"readers", "gone"}, Token: mdc.Secret{Hash: mdc.LongHash(deploy)}},
		{Name: "old", Roles: []string{"readers"}, Token: mdc.Secret{Hash: mdc.LongHash(ended)}, ExpiresAt: &until}, {Name: "unset", Roles: []string{"readers"}}}
	for _, u := range []mdc.User{{Name: "ann", Enabled: true}, {Name: "bob", Enabled: true, Groups: []string{"operators"}}, {Name: "eve", Enabled: true}, {Name: "gone", Groups: []string{"operators"}}} {
		u.Password.Hash = "of " + u.Name
		w.users[u.Name] = &u
	}
	w.Administrators, err = administration.New(administration.Config{Source: source{w}, Bootstrap: func(token string) bool { return token == first }, Store: kept,
		Audit: audit.New("NYDC", w.clock), Clock: w.clock, Passwords: func(_ context.Context, user, given, _ string) (string, error) {
			if given != password {
				return "", fault.New(fault.Unauthenticated, "wrong_credentials", "wrong")
			}
			return mdc.FoldName(user), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func wants(t *testing.T, what string, err error, code string) {
	t.Helper()
	if got := fault.CodeOf(err); got != code || code == "" && err != nil {
		t.Errorf("%s: %v, want %q", what, err, code)
	}
}

// TAM-11, SEC-61: whose credential it is, and what that one may: a role gives what it says to whom it names, and nobody has more.
func TestWhoMayWhat(t *testing.T) {
	w := start(t)
	w.clock.Advance(time.Hour) // the token "old" ends now
	for what, c := range map[string]struct {
		come       func() (administration.Administrator, error)
		code, name string
		read       bool // groups, in all domains
		write      bool // groups of A
		everything bool
	}{
		"the first start's token":   {func() (administration.Administrator, error) { return w.Token(t.Context(), first) }, "", "token:bootstrap", true, true, true},
		"a token":                   {func() (administration.Administrator, error) { return w.Token(t.Context(), deploy) }, "", "token:ci", true, false, false},
		"a token that ran out":      {func() (administration.Administrator, error) { return w.Token(t.Context(), ended) }, administration.CodeTokenExpired, "", false, false, false},
		"a token that nobody has":   {func() (administration.Administrator, error) { return w.Token(t.Context(), strings.ToUpper(deploy)) }, administration.CodeWrongToken, "", false, false, false},
		"no token":                  {func() (administration.Administrator, error) { return w.Token(t.Context(), "") }, administration.CodeWrongToken, "", false, false, false},
		"a context that nobody has": {func() (administration.Administrator, error) { return w.Token(t.Context(), "concord.context.x.y") }, administration.CodeContextEnded, "", false, false, false},
		"a certificate": {func() (administration.Administrator, error) {
			return w.Certificate(t.Context(), "ops", "spiffe://nydc/admin/ops")
		}, "", "certificate:ops", true, false, false},
		"a certificate of no role": {func() (administration.Administrator, error) {
			return w.Certificate(t.Context(), "x", "spiffe://nydc/admin/x")
		}, administration.CodeNoRole, "", false, false, false},
		"a user by name":    {func() (administration.Administrator, error) { return w.Password(t.Context(), "ANN", password, "") }, "", "user:ann", true, false, false},
		"a user by a group": {func() (administration.Administrator, error) { return w.Password(t.Context(), "bob", password, "") }, "", "user:bob", false, true, false},
		"a user of no role": {func() (administration.Administrator, error) { return w.Password(t.Context(), "eve", password, "") }, administration.CodeNoRole, "", false, false, false},
		"a disabled user":   {func() (administration.Administrator, error) { return w.Password(t.Context(), "gone", password, "") }, "wrong_credentials", "", false, false, false},
		"a wrong password":  {func() (administration.Administrator, error) { return w.Password(t.Context(), "ann", "x", "") }, "wrong_credentials", "", false, false, false},
	} {
		who, err := c.come()
		wants(t, what, err, c.code)
		_, lacks := who.Rights.LacksAny()
		if who.Name != c.name || who.Rights.Allow(mdc.ActionRead, "group", "") != c.read || who.Rights.Allow(mdc.ActionWrite, "group", "A") != c.write || lacks == c.everything {
			t.Errorf("%s: %+v", what, who)
		}
	}
	if at := w.LastUsed("ci"); !at.Equal(w.clock.Now()) || !w.LastUsed("old").IsZero() {
		t.Errorf("last used: %s, %s", at, w.LastUsed("old"))
	}
}

// TestWhatIsTakenAwayEndsAContext: a security context is judged at each request, by its user as he is now (SEC-12, TAM-11).
func TestWhatIsTakenAwayEndsAContext(t *testing.T) {
	for what, take := range map[string]func(*world){
		"the role":           func(w *world) { w.roles[1].Groups = nil },
		"the group":          func(w *world) { w.users["bob"].Groups = nil },
		"the account":        func(w *world) { delete(w.users, "bob") },
		"that it is enabled": func(w *world) { w.users["bob"].Enabled = false },
		"the password":       func(w *world) { w.users["bob"].Password.Hash = "another" },
		"its time":           func(w *world) { w.clock.Advance(administration.DefaultLife) },
	} {
		t.Run(what, func(t *testing.T) {
			w := start(t)
			_, token, err := w.Open(t.Context(), administration.Opening{User: "bob", Password: password})
			wants(t, "open", err, "")
			who, err := w.Token(t.Context(), token)
			if wants(t, "use", err, ""); who.Name != "user:bob" || who.Context == "" {
				t.Errorf("%+v", who)
			}
			take(w)
			_, err = w.Token(t.Context(), token)
			wants(t, "without "+what, err, administration.CodeContextEnded)
		})
	}
}

// TestAContextEndsAtItsAge: it is renewed until twelve hours after the password was given and no longer; its secret alone opens it, its
// user alone renews it, and who closes it ends it.
func TestAContextEndsAtItsAge(t *testing.T) {
	w := start(t)
	c, token, err := w.Open(t.Context(), administration.Opening{User: "bob", Password: password, Life: administration.MaxLife})
	wants(t, "open", err, "")
	other, _, err := w.Open(t.Context(), administration.Opening{User: "bob", Password: password})
	wants(t, "open another", err, "")
	_, err = w.Token(t.Context(), strings.Replace(token, c.ID, other.ID, 1))
	wants(t, "another context's secret", err, administration.CodeContextEnded)
	_, err = w.Renew(t.Context(), administration.Administrator{Name: "token:ci"})
	wants(t, "renew without one", err, "no_security_context")
	for range 11 {
		w.clock.Advance(59 * time.Minute)
		who, err := w.Token(t.Context(), token)
		wants(t, "use", err, "")
		if c, err = w.Renew(t.Context(), who); err != nil || c.Expires.After(c.RenewableUntil()) {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	w.clock.Advance(administration.MaxAge - 11*59*time.Minute)
	_, err = w.Token(t.Context(), token)
	wants(t, "after twelve hours", err, administration.CodeContextEnded)
	_, token, err = w.Open(t.Context(), administration.Opening{User: "bob", Password: password})
	wants(t, "open", err, "")
	who, err := w.Token(t.Context(), token)
	wants(t, "use", err, "")
	wants(t, "close", w.Close(t.Context(), who, administration.Asker{}, who.Context), "")
	_, err = w.Token(t.Context(), token)
	wants(t, "closed", err, administration.CodeContextEnded)
	for _, life := range []time.Duration{time.Second, administration.MaxLife + 1, -time.Minute} {
		_, _, err := w.Open(t.Context(), administration.Opening{User: "bob", Password: password, Life: life})
		wants(t, life.String(), err, "invalid_input")
	}
}

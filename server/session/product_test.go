package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// Columns of the product: what of reauthenticate (p), retrieve_on_demand (r) and continue_on_sync_failure (c) is on. Each is
// run with and without anchored.
var columns = []string{"", "c", "r", "rc", "p", "pc", "pr", "prc"}

const (
	cookie  = session.AdoptedCookie
	found   = session.AdoptedFound
	alone   = session.AdoptedAlone
	pw      = session.ChallengeReauthenticate
	ended   = session.ChallengeEnded
	unknown = session.ChallengeUnknown
	refused = session.ChallengeRefused
	silent  = session.ChallengeUnreachable
	kept    = session.Reauthenticated
	anew    = session.SignedIn
)

// condition is what becomes of a sign-on of NYDC before its browser comes to LDC, what LDC then decides, and what a password
// given there does, in the order of columns.
type condition struct {
	name     string
	before   func(w *world, b *browser)
	visits   [8]string
	password [4]string // of the columns with p
}

var conditions = []condition{
	{"found", func(*world, *browser) {},
		[8]string{cookie, cookie, found, found, pw, pw, pw, pw}, [4]string{kept, kept, kept, kept}},
	{"moved", func(w *world, b *browser) { w.takeOver(b, "PARIS") },
		[8]string{cookie, cookie, found, found, pw, pw, pw, pw}, [4]string{kept, kept, kept, kept}},
	{"ended", func(w *world, b *browser) { w.signOut("NYDC", b) }, // LDC has not heard of it
		[8]string{cookie, cookie, ended, ended, pw, pw, pw, pw}, [4]string{kept, kept, anew, anew}},
	{"unknown", func(w *world, _ *browser) { w.wipe("NYDC") },
		[8]string{cookie, cookie, unknown, unknown, pw, pw, pw, pw}, [4]string{kept, kept, anew, anew}},
	{"refused", func(w *world, _ *browser) {
		w.broken["LDC>NYDC"] = func() error { return fmt.Errorf("%w: 403", session.ErrRefused) }
	},
		[8]string{cookie, cookie, refused, refused, pw, pw, pw, pw}, [4]string{kept, kept, anew, anew}},
	{"unreachable", func(w *world, _ *browser) { w.part("NYDC", "LDC", true) },
		[8]string{cookie, cookie, silent, alone, pw, pw, pw, pw}, [4]string{kept, kept, kept, kept}},
	{"not a partner", func(w *world, _ *browser) {
		c := w.centers["NYDC"]
		w.t.Cleanup(c.close)
		delete(w.centers, "NYDC")
	},
		[8]string{unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown}, [4]string{anew, anew, anew, anew}},
}

// takeOver moves a sign-on away from NYDC, whatever the policy is, and leaves the browser with the cookie that it had.
func (w *world) takeOver(b *browser, at string) {
	w.t.Helper()
	policy := *w.policy.Load()
	w.set(func(p *mdc.SessionPolicy) { p.Anchored, p.RetrieveOnDemand, p.Reauthenticate = true, true, false })
	f, err := w.centers[at].Visit(context.Background(), b.sso())
	must(w.t, err)
	want(w.t, "taken over", f.Rule, found)
	must(w.t, w.centers[at].Sync(context.Background(), "NYDC"))
	w.policy.Store(&policy)
}

func productPolicy(column string, anchored bool) func(*mdc.SessionPolicy) {
	return func(p *mdc.SessionPolicy) {
		p.Anchored, p.Reauthenticate = anchored, strings.Contains(column, "p")
		p.RetrieveOnDemand, p.ContinueOnSyncFailure = strings.Contains(column, "r"), strings.Contains(column, "c")
	}
}

// OAM-19..23, OAM-24, OAM-29..35, OAM-38, X1, X3, X7: the product of {anchored, retrieve, reauthenticate, continue} and all that a
// partner can say or not say. Where a session comes to be, it is the same sign-on with the same end, the sign-out at LDC is
// one for all data centers, and nothing comes back.
func TestProduct(t *testing.T) {
	for _, c := range conditions {
		for i, column := range columns {
			for _, anchored := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %q, anchored %t", c.name, column, anchored), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, "NYDC", "LDC", "PARIS")
					w.set(productPolicy(column, anchored))
					b := w.browser()
					home := b.signIn("NYDC", "ann").Session
					w.clock.Advance(time.Second)
					c.before(w, b)
					f := b.visit("LDC")
					want(t, "rule", f.Rule, c.visits[i])
					if i >= 4 {
						f = b.signIn("LDC", "ann")
						want(t, "after the password", f.Rule, c.password[i-4])
					}
					// Without retrieval nobody learns where it went: why that is refused together with anchored.
					w.settles(home, f, anchored && (strings.Contains(column, "r") || c.name != "moved"))
				})
			}
		}
	}
}

// settles heals everything and looks at what is left of a sign-on.
func (w *world) settles(home *mdc.Session, f session.Found, anchored bool) {
	w.t.Helper()
	adopted := f.Session != nil && f.Session.SSOID == home.SSOID
	if adopted && !f.Session.ExpiresAt.Equal(home.ExpiresAt) {
		w.t.Errorf("expires at %s, not %s", f.Session.ExpiresAt, home.ExpiresAt)
	}
	clear(w.broken)
	w.part("NYDC", "LDC", false)
	w.sync()
	for id, c := range w.centers {
		for _, s := range c.list() {
			if s.SSOID == home.SSOID && adopted && anchored && id != "LDC" {
				w.t.Errorf("anchored at LDC, and %s has a session too", id)
			}
			if s.DegradedSince != nil {
				w.t.Errorf("degraded at %s after the healing", id)
			}
		}
	}
	if f.Session == nil || len(w.centers) < 3 || len(w.centers["LDC"].list()) == 0 {
		return
	}
	_, err := w.centers["LDC"].SignOutSession(context.Background(), f.Session.ID)
	must(w.t, err)
	w.sync()
	for id, c := range w.centers {
		if f.Session.SSOID == home.SSOID && len(c.list()) > 0 {
			w.t.Errorf("%s has sessions after the sign-out", id)
		}
	}
}

// The last condition, degraded and then healed: what the first visit during the partition and the one after it bring.
func TestProductHealed(t *testing.T) {
	cut := [8]string{cookie, cookie, silent, alone, pw, pw, pw, pw}
	healed := [8]string{session.FoundLocal, session.FoundLocal, found, session.FoundLocal, pw, pw, pw, pw}
	for i, column := range columns {
		for _, anchored := range []bool{false, true} {
			t.Run(fmt.Sprintf("%q, anchored %t", column, anchored), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, "NYDC", "LDC", "PARIS")
				w.set(productPolicy(column, anchored))
				b := w.browser()
				home := b.signIn("NYDC", "ann").Session
				w.clock.Advance(time.Second)
				w.part("NYDC", "LDC", true)
				want(t, "while cut", b.visit("LDC").Rule, cut[i])
				w.part("NYDC", "LDC", false)
				must(t, w.centers["LDC"].Sync(context.Background(), "NYDC"))
				f := b.visit("LDC")
				want(t, "healed", f.Rule, healed[i])
				if f.Session != nil && column == "rc" {
					want(t, "attributes of NYDC", f.Session.Attributes["from"], "NYDC")
				}
				w.settles(home, f, anchored)
			})
		}
	}
}

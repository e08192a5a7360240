package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/session"
)

// SEC-06, SEC-07: no mutant of an agent's cookie opens, also when the cookie itself is in memory.
func TestMutatedCookies(t *testing.T) {
	w := newWorld(t, "NYDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	good := b.agentCookie("shop")
	want(t, "the cookie itself", w.authorize("shop", "NYDC", good).Rule, session.FoundLocal)
	var mutants []string
	for i := range len(good) {
		for bit := range 8 {
			m := []byte(good)
			m[i] ^= 1 << bit
			mutants = append(mutants, string(m))
		}
		if i > 0 {
			mutants = append(mutants, good[:i], good[i:])
		}
	}
	for _, form := range []string{"%s=", "%s==", " %s", "%s ", "\"%s\"", "%s\n", "%s\r\n", "%s.", "%s.x", "%s;", "%[1]s; %[1]s"} {
		mutants = append(mutants, fmt.Sprintf(form, good))
	}
	mutants = append(mutants, strings.Replace(good, ".NYDC.", ".LDC.", 1), strings.Replace(good, ".NYDC.", ".nydc.", 1), good[:20]+"\n"+good[20:],
		strings.Repeat("A", 5000), "c1.NYDC.", "c1..", "c1", ".")
	for _, m := range mutants {
		if d := w.authorize("shop", "NYDC", m); d.Rule != session.ChallengeBadCookie {
			t.Fatalf("mutant %q: %s", m, d.Rule)
		}
	}
}

// SEC-08: a text of one purpose, agent, host or data center's keys opens nowhere else, also after it was opened rightly.
func TestCookieConfusion(t *testing.T) {
	w := newWorld(t, "NYDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	b.enter("shop", "NYDC", "NYDC")
	f := b.begin("shop", "NYDC")
	shop := b.agentCookie("shop")
	b.authorize("shop", "NYDC")
	other, err := w.centers["NYDC"].Authorize(context.Background(), agents["other"], session.AuthorizeInput{Scheme: "https", Host: "shop.example.com", Cookie: shop})
	must(t, err)
	want(t, "cookie of another agent on the same host", other.Rule, session.ChallengeBadCookie)
	_, flowText, _ := strings.Cut(b.flows("shop")[0], "=")
	for name, text := range map[string]string{"sign-in cookie": b.sso(), "code": f.code, "flow cookie": flowText} {
		want(t, name+" as agent cookie", w.authorize("shop", "NYDC", text).Rule, session.ChallengeBadCookie)
	}
	for name, text := range map[string]string{"agent cookie": shop, "code": f.code, "flow cookie": flowText} {
		found, err := w.centers["NYDC"].Visit(context.Background(), text)
		must(t, err)
		want(t, name+" as sign-in cookie", found.Rule, session.ChallengeBadCookie)
		if _, err := w.centers["NYDC"].OpenRequest(text); err == nil {
			t.Errorf("%s opened as request", name)
		}
	}
	want(t, "in memory again", b.authorize("shop", "NYDC").Rule, session.FoundLocal)
	w.newKeys()
	want(t, "opened before the keys changed", w.authorize("shop", "NYDC", shop).Rule, session.ChallengeBadCookie)
}

// Times more than 30 s ahead are refused (FLT-09).
func TestCookieFromTheFuture(t *testing.T) {
	w := newWorld(t, "NYDC")
	b := w.browser()
	b.signIn("NYDC", "ann")
	w.clock.Advance(-30 * time.Second)
	want(t, "30 s ahead", b.visit("NYDC").Rule, session.FoundLocal)
	cookie := b.sso()
	w.clock.Advance(-time.Millisecond)
	f, err := w.centers["NYDC"].Visit(context.Background(), cookie)
	must(t, err)
	want(t, "more than 30 s ahead", f.Rule, session.ChallengeBadCookie)
}

package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

// fullest is a user with all that a user may have.
func fullest() session.Person {
	p := session.Person{Name: strings.Repeat("u", mdc.MaxName), Enabled: true, Attributes: map[string]string{}}
	for i := range mdc.MaxAttributes {
		p.Attributes[fmt.Sprintf("%0*d", mdc.MaxName, i)] = strings.Repeat("v", mdc.MaxAttributeValue)
	}
	for i := range mdc.MaxGroups {
		p.Groups = append(p.Groups, fmt.Sprintf("%0*d", mdc.MaxName, i))
	}
	return p
}

// Whoever can be a user can sign on everywhere: the largest session is found elsewhere, and cookies carry the identity only,
// so the longest names and the longest chain of data centers stay below what browsers keep (OAM-14, OAM-15, OAM-33).
func TestLargestSessionTravels(t *testing.T) {
	long := func(letter string) string { return strings.Repeat(letter, 63) }
	ids := []string{long("A"), long("B"), long("C")}
	w, p := newWorld(t, ids...), fullest()
	u := mdc.User{Name: p.Name, Groups: p.Groups, Attributes: p.Attributes, Enabled: true}
	want(t, "faults of the user", len(u.Validate()), 0)
	identityStore := strings.Repeat("s", mdc.MaxName)
	for _, id := range ids {
		w.people[id+"/"+identityStore+"/"+p.Name] = p
	}
	f, err := w.centers[ids[0]].SignIn(context.Background(), session.SignInRequest{Person: p, Store: identityStore, ClientAddress: strings.Repeat("1", 64)})
	must(t, err)
	b := w.browser()
	b.keep("login.example.com", f.SetCookies)
	for _, at := range ids[1:] {
		f := b.visit(at)
		want(t, "rule", f.Rule, session.AdoptedFound)
		want(t, "attributes", len(f.Session.Attributes), mdc.MaxAttributes)
		want(t, "groups", len(f.Session.Groups), mdc.MaxGroups)
	}
	for _, c := range f.SetCookies {
		if name, _, _ := strings.Cut(c, ";"); len(name) >= seal.MaxLength {
			t.Errorf("a cookie has %d bytes", len(name))
		}
	}
	want(t, "sign-in cookie fits", len(b.sso()) > 0 && len(b.sso()) < seal.MaxLength-1000, true) // five more names of a chain are 320 bytes
	b.enter("shop", ids[2], ids[0])
	want(t, "agent's cookie fits", len(b.agentCookie("shop")) < seal.MaxLength-1000, true)
}

// One more than a user may have is not taken from a partner.
func TestTooLargeSessionIsRefused(t *testing.T) {
	for name, edit := range map[string]func(*mdc.Session){
		"attributes":     func(s *mdc.Session) { s.Attributes = map[string]string{}; fill(s.Attributes, mdc.MaxAttributes+1) },
		"attribute name": func(s *mdc.Session) { s.Attributes = map[string]string{"a b": "x"} },
		"attribute value": func(s *mdc.Session) {
			s.Attributes = map[string]string{"a": strings.Repeat("v", mdc.MaxAttributeValue+1)}
		},
		"groups":  func(s *mdc.Session) { s.Groups = make([]string, mdc.MaxGroups+1) },
		"members": func(s *mdc.Session) { s.Members = members(mdc.MaxMembers + 1) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC")
			w.alter = edit
			b := w.browser()
			b.signIn("NYDC", "ann")
			want(t, "rule", b.visit("LDC").Rule, session.ChallengeRefused)
		})
	}
}

func fill(m map[string]string, n int) {
	for i := range n {
		m[fmt.Sprint(i)] = ""
	}
}

func members(n int) (all []string) {
	for i := range n {
		all = append(all, "X"+fmt.Sprint(i))
	}
	return all
}

// A session that knows as many members as it may is still taken, by a data center that adds the one it came from, and from
// that one again.
func TestMembersAreBounded(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "PARIS")
	b := w.browser()
	b.signIn("NYDC", "ann")
	w.alter = func(s *mdc.Session) { s.Members = members(mdc.MaxMembers) }
	want(t, "LDC", b.visit("LDC").Rule, session.AdoptedFound)
	w.alter = nil
	s := w.centers["LDC"].list()[0]
	want(t, "members at LDC", len(s.Members), mdc.MaxMembers)
	want(t, "the first is whom it came from", s.Members[0], "NYDC")
	w.part("NYDC", "PARIS", true)
	want(t, "PARIS, from LDC", b.visit("PARIS").Rule, session.AdoptedFound)
}

// An event of a kind that only a newer version knows does not keep the ones beside it from being taken; what is malformed
// is still refused.
func TestUnknownEventIsSkipped(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC")
	b := w.browser()
	s := b.signIn("NYDC", "ann").Session
	w.part("NYDC", "LDC", true)
	w.set(func(p *mdc.SessionPolicy) { p.RetrieveOnDemand = false })
	want(t, "LDC", b.visit("LDC").Rule, session.AdoptedCookie)
	w.part("NYDC", "LDC", false)
	var sent []session.Event
	w.events = func(events []session.Event) []session.Event {
		sent = events
		strange := []session.Event{{ID: "1", Kind: "renamed", SSOID: "?", At: time.Now()}, {Kind: strings.Repeat("x", 1<<16)}}
		return append(strange, events...)
	}
	must(t, w.centers["LDC"].Sync(context.Background(), "NYDC"))
	want(t, "members", fmt.Sprint(w.centers["NYDC"].list()[0].Members), "[LDC]")
	for name, events := range map[string][]session.Event{
		"no sso id": {{Kind: session.KindJoined, SSOID: "?"}},
		"too many":  make([]session.Event, 501),
	} {
		if err := w.centers["NYDC"].ReceiveEvents(context.Background(), "LDC", events); fault.KindOf(err) == fault.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, w.centers["LDC"].Sync(context.Background(), "NYDC"))
	want(t, "sent once", len(sent) == 1 && sent[0].SSOID == s.SSOID, true)
}

// A partner that makes up names of users takes a bounded part of the memory, and nobody else's; what it holds is over in ten seconds
// (SEC-47).
func TestReservationsAreBounded(t *testing.T) {
	w := newWorld(t, "NYDC", "LDC", "TYO")
	reserve := func(from string, i int) error {
		for {
			_, err := w.centers["NYDC"].Reserve(t.Context(), from, session.ReserveRequest{Store: people, User: fmt.Sprintf("u%d", i), SSOID: mdc.SSOID(fmt.Sprintf("AAAAAAAAAAAAAAAA%05dA", i)), At: w.clock.Now()})
			if fault.CodeOf(err) != "too_many_requests" { // the bound on calls comes first on a fast machine
				return err
			}
		}
	}
	for i := range 10_000 {
		must(t, reserve("LDC", i))
	}
	if err := reserve("LDC", 10_000); fault.CodeOf(err) != "too_many_sign_ins" {
		t.Errorf("one more than a partner may have: %v", err)
	}
	must(t, reserve("LDC", 9_999)) // it has that one
	must(t, reserve("TYO", 10_001))
	w.clock.Advance(11 * time.Second)
	must(t, reserve("LDC", 10_002))
}

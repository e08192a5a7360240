package policy

import (
	"net/netip"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/condition"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Request is the question. Scheme, Host and Path are as Canonical gives them; Method as it was sent.
type Request struct {
	Method string
	Scheme string
	Host   string
	Path   string
	// ClientAddress is the browser's as the authenticated agent states it (ClientAddress reads it); the zero Addr when it is not known.
	ClientAddress netip.Addr
	Now           time.Time
	// DefaultAnyUser: where no application names the host, any signed-in user may pass. An agent asks so for its own
	// registered hosts, which makes an agent without an application useful at once; everybody else is denied there.
	DefaultAnyUser bool
	// Domain is the security domain of the agent that asks so; "" = none.
	Domain string
}

// ClientAddress reads the address of a client as an agent states it: without zone, and IPv4 as IPv4. What is no address is not known,
// which no allow that asks for a network fits, and every deny that does.
func ClientAddress(s string) netip.Addr { return condition.Address(s) }

// Subject is who asks; a nil *Subject is nobody. Group names compare exactly, user names without case.
type Subject struct {
	User            string
	Groups          []string
	Attributes      map[string]string
	Level           int    // LevelPassword for a password
	LevelDomain     string // security domain in which Level counts, as mdc.LevelIn says; "" = in all
	IdentityStore   string
	AuthenticatedAt time.Time
}

// question is one question under way: what rules ask of it is worked out once.
type question struct {
	Request
	subject *Subject
	user    string           // folded
	home    string           // security domain of the subject's identity store; "" = none
	level   int              // of the subject, as it counts for the application that is looked at
	in      *condition.Input // nil until a condition is evaluated
}

func (ix *Index) newQuestion(r Request, s *Subject) question {
	q := question{Request: r, subject: s}
	if s != nil {
		q.user, q.home = mdc.FoldName(s.User), ix.stores[s.IdentityStore]
	}
	return q
}

// foreign says that the subject's identity store is there for another security domain than this one. Whoever manages that domain says
// who its people are and in which groups, and policies see names alone: elsewhere they are nobody.
func (q *question) foreign(domain string) bool { return q.home != "" && q.home != domain }

// at turns the question to an application of a security domain.
func (q *question) at(domain string) {
	q.level = mdc.LevelIn(q.subject.Level, q.subject.LevelDomain, domain)
	if q.in != nil {
		q.in.Level = q.level
	}
}

// input is what conditions look at.
func (q *question) input() *condition.Input {
	if q.in != nil {
		return q.in
	}
	q.in = &condition.Input{User: q.user, Groups: q.subject.Groups, Attributes: q.subject.Attributes, Level: q.level, IdentityStore: q.subject.IdentityStore,
		AuthenticatedAt: q.subject.AuthenticatedAt, Method: q.Method, Scheme: q.Scheme, Host: q.Host, Path: q.Path, Now: q.Now}
	if q.ClientAddress.IsValid() {
		q.in.ClientAddress = q.ClientAddress.String()
	}
	return q.in
}

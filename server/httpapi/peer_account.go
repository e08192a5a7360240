package httpapi

import (
	"net/http"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// peerAccountRoutes answer partners on whose page a person looks at their own sign-ons.
func (s *Server) peerAccountRoutes() []route {
	return []route{{method: http.MethodPost, path: "/peer/v1/sessions/of-user", summary: "Which sign-ons of a person are known here", in: wire.SignOnsOf{}, out: wire.SignOns{}, handle: s.peerSignOns},
		{method: http.MethodPost, path: "/peer/v1/accounts/password", summary: "Change the password of a person who gave both to a clone; for clones of this master", in: wire.PasswordChange{}, status: http.StatusNoContent, handle: s.peerPassword}}
}

func (s *Server) peerSignOns(c *call) error {
	var in wire.SignOnsOf
	if err := c.decode(&in); err != nil {
		return err
	}
	if err := s.mayLook(c, in); err != nil {
		return err
	}
	list, more, err := s.c.Sessions.SignOnsFor(c.Request.Context(), c.partner(), in.IdentityStore, in.User)
	if err != nil {
		return err
	}
	out := wire.SignOns{SignOns: []wire.SignOn{}, More: more}
	for _, v := range list {
		out.SignOns = append(out.SignOns, wire.SignOn{SSOID: string(v.SSOID), ClientAddress: v.ClientAddress, AuthenticatedAt: v.AuthenticatedAt, LastAccess: v.LastAccess, ExpiresAt: v.ExpiresAt})
	}
	return c.answer(out)
}

// peerPassword changes a person's password for a clone of this master, or hashes it anew. The password that the clone gives is
// looked at here and counts as a guess here: a clone that was taken over can change nobody's who does not sign in at it.
func (s *Server) peerPassword(c *call) error {
	var in wire.PasswordChange
	if err := c.decode(&in); err != nil {
		return err
	}
	by, _, err := c.counterpart()
	if err != nil {
		return err
	}
	if s.c.Mode() == mdc.ModeOpen {
		return fault.New(fault.Forbidden, "mode_open", "This link is not encrypted, so no password is taken over it.")
	}
	if err := s.c.Feed.AdmitCounterpart(c.Request.Context(), by); err != nil {
		return err
	}
	if err := s.c.Passwords.ChangeFor(c.Request.Context(), identity.Attempt{User: in.User, Password: in.Password, Source: in.Source}, in.NewPassword); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

// mayLook bounds how often a partner looks people up, and writes down whom. It cannot be asked for a proof: the person may have no
// session here.
func (s *Server) mayLook(c *call, in wire.SignOnsOf) error {
	if err := s.c.Sessions.CheckPartner(c.partner()); err != nil {
		return err
	}
	now := s.c.Clock.Now()
	if !s.lookUps.allow(mdc.FoldName(c.partner()), now) {
		return &fault.Error{Kind: fault.Unavailable, Code: "too_many_requests", RetryAfter: time.Second, Message: "This partner looks at the sign-ons of too many people. Try again in a second."}
	}
	if !mdc.ValidName(in.IdentityStore) || !mdc.ValidName(in.User) || !s.looked.first(mdc.FoldName(c.partner())+" "+in.IdentityStore+"/"+mdc.FoldName(in.User), now) {
		return nil
	}
	return s.c.Audit(c.Request.Context(), c.actor(), "list_sign_ons", "user/"+in.IdentityStore+"/"+in.User)
}

const (
	lookedFor = 10 * time.Minute // a partner that looks at one person again and again is written down that often
	maxLooked = 4096
)

// looked are those who were looked at a moment ago, and by whom.
type looked struct {
	mu    sync.Mutex // guards until
	until map[string]time.Time
}

// first says whether it is worth a record. Where there are too many, each is.
func (l *looked) first(who string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.until[who]) {
		return false
	}
	if l.until == nil || len(l.until) >= maxLooked {
		l.until = map[string]time.Time{}
	}
	l.until[who] = now.Add(lookedFor)
	return true
}

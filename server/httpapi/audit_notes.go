package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// traced is the request's context with what the audit keeps of who asks. agent is the one that asks for a person, "" = none.
func (s *Server) traced(c *call, agent string) context.Context {
	return audit.WithOrigin(c.Request.Context(), audit.Origin{Actor: c.GetString(actorKey), Address: s.remoteAddress(c), Agent: agent, RequestID: c.GetString(requestIDKey)})
}

// noteSignIn tells the audit why a sign-in was refused; the person never learns it. What no user can be called is not kept: it
// may be a password in the wrong field (SEC-68).
func (s *Server) noteSignIn(c *call, user string, err error) {
	c.Set(notedKey, true)
	s.refusedSignIn(s.traced(c, ""), user, err)
}

// refusedSignIn counts and notes a refused sign-in; ctx says where it comes from.
func (s *Server) refusedSignIn(ctx context.Context, user string, err error) {
	s.figures.signIns.WithLabelValues(fault.CodeOf(err)).Inc()
	e := audit.Event{Actor: "stranger", Action: "sign_in", Target: "user/?", Outcome: audit.Refused, Reason: fault.CodeOf(err)}
	if why, ok := errors.AsType[identity.Reason](err); ok {
		e.Reason = string(why)
	}
	if e.Reason == "" {
		e.Reason = "internal"
	}
	if user = strings.Trim(user, " "); mdc.ValidName(user) {
		e.User, e.Target = mdc.FoldName(user), "user/"+mdc.FoldName(user)
	}
	s.c.Events.Note(e.From(ctx))
}

// notePassed tells the audit of a step that was passed while others are still to come: a password may be right, and the sign-in
// still never come to its end.
func (s *Server) notePassed(c *call, user, scheme string, step, of int, method string) {
	e := audit.Event{Actor: "user:" + user, Action: "sign_in_step", Target: "user/" + mdc.FoldName(user), User: mdc.FoldName(user), Reason: method, Detail: fmt.Sprintf("step %d of %d of scheme %s", step, of, scheme)}
	s.c.Events.Note(e.From(s.traced(c, "")))
}

// decided counts an answer to an agent.
func (s *Server) decided(c *call, a *mdc.Agent, in *wire.AuthorizeRequest, out *wire.AuthorizeAnswer) {
	s.figures.decided(out.Decision, out.Reason)
	if out.Decision != wire.DecisionAllow {
		c.Set(notedKey, true)
	}
	d := audit.Decision{Agent: a.Name, Outcome: out.Decision, Reason: out.Reason}
	if !s.c.Events.Decided(d) {
		return
	}
	path, _, _ := strings.Cut(in.Target, "?") // a query may hold anything
	s.c.Events.Tell(d, audit.Event{Target: "url/" + in.Scheme + "://" + in.Host + path, User: out.User, Address: in.ClientAddress, RequestID: c.GetString(requestIDKey)})
}

// noteRefusal tells the audit of a caller that was refused at any listener, unless it knows already. Those whose certificate is
// refused have records of their own.
func (s *Server) noteRefusal(c *call) {
	code := c.GetString(codeKey)
	if code == "" || c.GetBool(notedKey) {
		return
	}
	e := audit.Event{Action: "refuse", Target: "route/" + c.Request.Method + " " + c.FullPath(), Outcome: audit.Refused, Reason: code}.From(s.traced(c, ""))
	if k, ok := c.Value(agentKey).(*shown); ok {
		e.Agent, e.Actor = k.agent.Name, "agent:"+k.agent.Name
	}
	if e.Actor == "" {
		e.Actor = "stranger"
	}
	s.c.Events.Note(e)
}

// connectionAddress is the other end of the connection, as far as administrators go: they come through no trusted proxy.
func connectionAddress(c *call) string {
	host, _, err := net.SplitHostPort(c.Request.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

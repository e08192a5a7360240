package session

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Recorder keeps the audit record of what happens to sign-ons.
type Recorder interface {
	// Append writes in a transaction of the sessions store.
	Append(tx store.Writer, e audit.Event) error
	// Write is durable when it returns.
	Write(ctx context.Context, e audit.Event) error
	// Note takes what anybody can cause at will; it must not block.
	Note(e audit.Event)
}

// Actions of the audit record.
const (
	actSignIn   = "sign_in"
	actSignOut  = "sign_out"
	actAdopt    = "adopt"     // a session was made for a sign-on of elsewhere
	actConfirm  = "confirm"   // a degraded one became whole
	actHandOver = "hand_over" // a partner was given it
	actMove     = "move"      // a partner took it over
	actEnd      = "end"       // the session here is gone
	actFind     = "find"      // with a cookie; recorded when it is refused
	actRedeem   = "redeem"    // of a code; likewise
	actRetrieve = "retrieve"  // by a partner; likewise
)

// Reasons of an end that are no rules.
const (
	endRevoked     = "revoked" // the sign-on was ended, here or elsewhere
	endUnconfirmed = "unconfirmed"
	endLimit       = "max_sessions_per_user"
	endByOwner     = "account_page"
)

// unknownAtOrigin is what ChallengeUnknown means to whoever looks for replayed cookies (SEC-04).
const unknownAtOrigin = "session_unknown_at_origin"

// systemActor acts where nobody asked for it.
const systemActor = "system:sessions"

// about is an event of one session of this data center.
func about(s *mdc.Session, action, reason string) audit.Event {
	return audit.Event{Action: action, Target: "session/" + string(s.ID), User: s.User, Store: s.Store, Session: string(s.ID), SignOn: string(s.SSOID), Reason: reason}
}

// by is about, in the name of the session's user.
func by(s *mdc.Session, action, reason string) audit.Event {
	ev := about(s, action, reason)
	ev.Actor = "user:" + s.User
	return ev
}

// ofClaim is an event of a cookie, which may be of a session of elsewhere.
func ofClaim(c *claim, action, reason string) audit.Event {
	return audit.Event{Actor: "user:" + c.User, Action: action, Target: "sign_on/" + string(c.SSOID), User: c.User, Store: c.Store, SignOn: string(c.SSOID), Reason: reason}
}

// append writes the record in the transaction of what it tells of.
func (e *Engine) append(ctx context.Context, w store.Writer, ev audit.Event) error {
	if e.cfg.Audit == nil {
		return nil
	}
	if ev = ev.From(ctx); ev.Actor == "" {
		ev.Actor = systemActor
	}
	return e.cfg.Audit.Append(w, ev)
}

// recordFirst makes the record durable before the act (SEC-75). Where it cannot be written the caller ends the sign-on all
// the same, which must not live on because a disk is full, and still gives the error.
func (e *Engine) recordFirst(ctx context.Context, ev audit.Event) error {
	if e.cfg.Audit == nil {
		return nil
	}
	if ev = ev.From(ctx); ev.Actor == "" {
		ev.Actor = systemActor
	}
	return e.cfg.Audit.Write(ctx, ev)
}

// note takes a refusal. c is nil where no cookie could be opened.
func (e *Engine) note(ctx context.Context, c *claim, action, rule string) {
	if e.cfg.Audit == nil || rule == "" || rule == ChallengeNoCookie {
		return
	}
	ev := audit.Event{Actor: "stranger", Action: action, Target: "sign_on", Reason: rule}
	if c != nil {
		ev = ofClaim(c, action, rule)
		ev.Target = "sign_on"
	}
	if rule == ChallengeUnknown {
		ev.Detail = unknownAtOrigin
	}
	ev.Outcome = audit.Refused
	e.cfg.Audit.Note(ev.From(ctx))
}

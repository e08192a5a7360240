package audit

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxText is the longest text of a record, in bytes (SEC-67).
const MaxText = 1024

// Outcomes of an event. An event without one succeeded.
const (
	OK      = "ok"
	Refused = "refused"
)

// Event is what happened. Texts are cut at MaxText and may come from anywhere, but never hold a secret, a cookie or a
// session's proof (SEC-68).
type Event struct {
	Actor     string    `json:"actor"`                    // who: "token:bootstrap", "agreement:NYDC-LDC", "user:ann"
	Action    string    `json:"action"`                   // put, delete, sign_in, adopt
	Target    string    `json:"target"`                   // kind/name
	User      string    `json:"user,omitempty"`           // whose sign-on it was
	Store     string    `json:"identity_store,omitempty"` // where that user is known
	Session   string    `json:"session_id,omitempty"`     // of this data center; proves nothing
	SignOn    string    `json:"sso_id,omitempty"`         // the same in every data center; proves nothing
	Address   string    `json:"client_address,omitempty"` // of who asked
	Agent     string    `json:"agent,omitempty"`          // in front of the application
	Outcome   string    `json:"outcome,omitempty"`        // "" = OK
	Reason    string    `json:"reason,omitempty"`         // the rule that decided
	Detail    string    `json:"detail,omitempty"`         // what else an administrator wants to know
	Count     uint64    `json:"count,omitempty"`          // so many events of this kind since Since; 0 = this one
	Since     time.Time `json:"since,omitzero"`           // of Count
	RequestID string    `json:"request_id,omitempty"`
}

// Record is an event with its place in the chain.
type Record struct {
	Sequence   uint64    `json:"sequence"`
	Time       time.Time `json:"time"`
	DataCenter string    `json:"data_center"`
	Node       string    `json:"node,omitempty"` // "" in records of before there were two chains
	Event
	PrevHash string `json:"prev_hash"` // hex SHA-256 of the record before, as it is stored

	Chain string `json:"-"` // where it was found: Acts or Runtime
}

// Bounded gives the event as it is kept: each text is valid UTF-8, of bounded length, and without what moves a terminal's
// cursor or ends a line for a reader of lines (SEC-67).
func (e Event) Bounded() Event {
	for _, text := range []*string{&e.Actor, &e.Action, &e.Target, &e.User, &e.Store, &e.Session, &e.SignOn, &e.Address, &e.Agent, &e.Outcome, &e.Reason, &e.Detail, &e.RequestID} {
		*text = bounded(*text)
	}
	if e.Outcome == OK {
		e.Outcome = ""
	}
	e.Since = e.Since.UTC()
	return e
}

func bounded(s string) string {
	if len(s) <= MaxText && !strings.ContainsFunc(s, awkward) {
		return s
	}
	s = strings.ToValidUTF8(s[:min(len(s), MaxText+utf8.UTFMax)], "\ufffd")
	s = strings.Map(func(r rune) rune {
		if awkward(r) {
			return '?'
		}
		return r
	}, s)
	end := min(len(s), MaxText)
	for end < len(s) && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

func awkward(r rune) bool { return r == utf8.RuneError || r != ' ' && !unicode.IsPrint(r) }

// Origin is who asked for what happens, as far as the listener knows. It travels with the request's context, since what
// makes a record lies several calls below.
type Origin struct {
	Actor     string // "" = nobody but the person of the session
	Address   string
	Agent     string
	RequestID string
}

type originKey struct{}

// WithOrigin gives a context that carries o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// From completes the event with what the context knows of its origin; what the event says already stays.
func (e Event) From(ctx context.Context) Event {
	o, _ := ctx.Value(originKey{}).(Origin)
	for _, p := range []struct{ to, from *string }{{&e.Actor, &o.Actor}, {&e.Address, &o.Address}, {&e.Agent, &o.Agent}, {&e.RequestID, &o.RequestID}} {
		if *p.to == "" {
			*p.to = *p.from
		}
	}
	return e
}

package enrolment

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// SecretSize is the length of a token's secret, in bytes.
const SecretSize = 32

// Actor is who acts, for the audit.
type Actor struct{ Name, RequestID, Address string }

// Config wires a Desk.
type Config struct {
	Store store.Store // keys under "e/"
	Audit *audit.Log
	Clock clock.Clock // decides expiry
}

// Desk makes, lists and takes join tokens. All methods are safe for concurrent use.
type Desk struct{ c Config }

// New makes a desk; a missing part is refused.
func New(c Config) (*Desk, error) {
	if c.Store == nil || c.Audit == nil || c.Clock == nil {
		return nil, errors.New("make enrolment desk: store, audit and clock are needed")
	}
	return &Desk{c}, nil
}

// Make makes a token and gives its secret, which is kept nowhere.
func (d *Desk) Make(ctx context.Context, by Actor, o Order) (t Token, secret []byte, err error) {
	if err := o.check(); err != nil {
		return t, nil, err
	}
	now := d.c.Clock.Now().UTC()
	secret = make([]byte, SecretSize)
	if _, err := rand.Read(secret); err != nil {
		return t, nil, fmt.Errorf("make join token: %w", err)
	}
	t = Token{ID: rand.Text(), Purpose: o.Purpose, Name: o.Name, Hash: hashOf(secret), CreatedAt: now, CreatedBy: by.Name, ExpiresAt: now.Add(o.Life)}
	err = d.c.Store.Update(ctx, func(w store.Writer) error {
		if n, err := count(w); err != nil || n >= maxOpen {
			return errors.Join(err, tooMany(n))
		}
		if err := put(w, t, now); err != nil {
			return err
		}
		return d.note(w, by, "create", t)
	})
	return t, secret, err
}

func tooMany(n int) error {
	if n < maxOpen {
		return nil
	}
	return fault.New(fault.Conflict, "too_many_join_tokens", "%d join tokens are kept already; withdraw some, or wait until they are forgotten.", n)
}

func count(r store.Reader) (n int, err error) {
	err = r.Range(store.Span{Prefix: []byte(prefix)}, func(_, _ []byte) error {
		n++
		return nil
	})
	return n, err
}

// List gives up to limit tokens after the id after, and the id to go on with ("" at the end).
func (d *Desk) List(ctx context.Context, after string, limit int) (out []Token, next string, err error) {
	span := store.Span{Prefix: []byte(prefix)}
	if after != "" {
		span.After = []byte(prefix + after)
	}
	err = d.c.Store.View(ctx, func(r store.Reader) error {
		out, next = nil, ""
		return r.Range(span, func(_, value []byte) error {
			if len(out) == limit {
				next = out[limit-1].ID
				return store.ErrStop
			}
			var t Token
			if err := json.Unmarshal(value, &t); err != nil {
				return fmt.Errorf("decode join token: %w", err)
			}
			out = append(out, t)
			return nil
		})
	})
	return out, next, err
}

// Withdraw ends a token that was not used. fault.NotFound when there is none, fault.Conflict when it was used.
func (d *Desk) Withdraw(ctx context.Context, by Actor, id string) error {
	now := d.c.Clock.Now().UTC()
	return d.c.Store.Update(ctx, func(w store.Writer) error {
		t, found, err := get(w, id)
		switch {
		case err != nil:
			return err
		case !found:
			return fault.New(fault.NotFound, "no_such_join_token", "There is no such join token.")
		case !t.UsedAt.IsZero():
			return fault.New(fault.Conflict, "join_token_used", "The join token was used already. What it was used for is not undone by withdrawing it: revoke the certificate, or delete the partner.")
		case !t.RevokedAt.IsZero():
			return nil
		}
		t.RevokedAt = now
		if err := put(w, t, now); err != nil {
			return err
		}
		return d.note(w, by, "revoke", t)
	})
}

func (d *Desk) note(w store.Writer, by Actor, action string, t Token) error {
	target := "join-token/" + t.ID + " " + t.Purpose
	if t.Name != "" {
		target += " " + t.Name
	}
	return d.c.Audit.Append(w, audit.Event{Actor: by.Name, Action: action, Target: target, RequestID: by.RequestID, Address: by.Address})
}

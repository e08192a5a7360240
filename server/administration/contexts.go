package administration

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Life of a security context. It is renewed any number of times until MaxAge after the password was given.
const (
	DefaultLife = 15 * time.Minute
	MinLife     = time.Minute
	MaxLife     = time.Hour
	MaxAge      = 12 * time.Hour
)

const (
	contextPrefix = "u/c/"
	tokenPrefix   = "concord.context."
	secretBytes   = 32
	maxContexts   = 10_000 // that are kept
	maxForUser    = 100    // of one user; another one ends the oldest
)

// Context is what is kept of a security context: an administrator who is signed in at this data center.
type Context struct {
	ID       string        `json:"id"`
	User     string        `json:"user"`
	Secret   []byte        `json:"secret"`   // SHA-256; it has 256 random bits
	Password []byte        `json:"password"` // SHA-256 of the user's stored hash: another password is another hash
	From     string        `json:"from,omitempty"`
	OpenedAt time.Time     `json:"opened_at"`
	Expires  time.Time     `json:"expires"`
	Life     time.Duration `json:"life"`
}

// RenewableUntil is when it ends however often it is renewed.
func (c Context) RenewableUntil() time.Time { return c.OpenedAt.Add(MaxAge) }

func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// splitContext reads the token of a security context.
func splitContext(token string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ".")
}

// Opening is how somebody asks for a security context.
type Opening struct {
	User, Password string
	From           string        // address that it comes from
	Life           time.Duration // 0 = DefaultLife
	RequestID      string
}

// Open signs an administrator in and gives the token, which is kept nowhere. fault.Unauthenticated "wrong_credentials" for every
// reason that a sign-in is refused for; fault.Forbidden CodeNoRole for who has no role.
func (a *Administrators) Open(ctx context.Context, o Opening) (c Context, token string, err error) {
	if o.Life == 0 {
		o.Life = DefaultLife
	}
	if o.Life < MinLife || o.Life > MaxLife {
		return c, "", fault.InvalidFields("The security context cannot be opened.", []fault.Field{{Pointer: "/ttl", Detail: "has to be between 1m and 1h"}})
	}
	u, _, err := a.signIn(ctx, o.User, o.Password, o.From)
	if err != nil {
		return c, "", err
	}
	var raw [secretBytes]byte
	_, _ = rand.Read(raw[:]) // never fails, by its own contract
	secret := base64.RawURLEncoding.EncodeToString(raw[:])
	now := a.c.Clock.Now().UTC()
	c = Context{ID: rand.Text(), User: u.Name, Secret: digest(secret), Password: digest(u.Password.Hash), From: o.From, OpenedAt: now, Expires: now.Add(o.Life), Life: o.Life}
	err = a.c.Store.Update(ctx, func(w store.Writer) error {
		if err := a.makeRoom(w, c.User, now); err != nil {
			return err
		}
		if err := putContext(w, c, now); err != nil {
			return err
		}
		return a.note(w, "user:"+c.User, "open", c.ID, o.RequestID)
	})
	return c, tokenPrefix + c.ID + "." + secret, err
}

func (a *Administrators) note(w store.Writer, actor, action, id, requestID string) error {
	return a.c.Audit.Append(w, audit.Event{Actor: actor, Action: action, Target: "security-context/" + id, RequestID: requestID})
}

// makeRoom ends the user's oldest context when there are too many of them, and refuses when there are too many of all.
func (a *Administrators) makeRoom(w store.Writer, user string, now time.Time) error {
	all, own := 0, 0
	var oldest Context
	err := eachContext(w, "", func(c Context) error {
		if !now.Before(c.Expires) {
			return nil
		}
		all++
		if !mdc.SameName(c.User, user) {
			return nil
		}
		if own++; own == 1 || c.OpenedAt.Before(oldest.OpenedAt) {
			oldest = c
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case own >= maxForUser:
		return w.Delete([]byte(contextPrefix + oldest.ID))
	case all >= maxContexts:
		return &fault.Error{Kind: fault.Unavailable, Code: "too_many_security_contexts", RetryAfter: time.Minute,
			Message: fmt.Sprintf("%d security contexts are open here already. Close some, or wait until they end.", all)}
	}
	return nil
}

// context says whose it is, and judges its user anew.
func (a *Administrators) context(ctx context.Context, id, secret string) (Administrator, error) {
	var c Context
	err := a.c.Store.View(ctx, func(r store.Reader) (err error) {
		c, err = getContext(r, id)
		return err
	})
	if err != nil {
		return Administrator{}, err
	}
	if subtle.ConstantTimeCompare(c.Secret, digest(secret)) != 1 || !a.c.Clock.Now().Before(c.Expires) {
		return Administrator{}, errEnded()
	}
	u, found, err := a.c.Source.User(ctx, c.User)
	if err != nil {
		return Administrator{}, err
	}
	if !found || !u.Enabled || subtle.ConstantTimeCompare(c.Password, digest(u.Password.Hash)) != 1 {
		return Administrator{}, errEnded()
	}
	index, err := a.c.Source.Administrators(ctx)
	if err != nil {
		return Administrator{}, err
	}
	rights := index.User(u)
	if rights.None() {
		return Administrator{}, errEnded()
	}
	return Administrator{Name: "user:" + u.Name, Rights: rights, User: u.Name, Context: c.ID}, nil
}

func errEnded() error {
	return fault.New(fault.Unauthenticated, CodeContextEnded, "The security context has ended, or is another data center's. Sign in again.")
}

// Renew gives the caller's own security context more time. fault.Conflict for who has none.
func (a *Administrators) Renew(ctx context.Context, who Administrator) (c Context, err error) {
	if who.Context == "" {
		return c, fault.New(fault.Conflict, "no_security_context", "This request was not made in a security context; there is nothing to renew.")
	}
	now := a.c.Clock.Now().UTC()
	err = a.c.Store.Update(ctx, func(w store.Writer) error {
		if c, err = getContext(w, who.Context); err != nil {
			return err
		}
		c.Expires = now.Add(c.Life)
		if last := c.RenewableUntil(); c.Expires.After(last) {
			c.Expires = last
		}
		if !now.Before(c.Expires) {
			return errEnded()
		}
		return putContext(w, c, now)
	})
	return c, err
}

// Context gives one that is open. fault.NotFound.
func (a *Administrators) Context(ctx context.Context, id string) (c Context, err error) {
	err = a.c.Store.View(ctx, func(r store.Reader) error {
		c, err = getContext(r, id)
		if fault.Is(err, fault.Unauthenticated) || err == nil && !a.c.Clock.Now().Before(c.Expires) {
			return fault.New(fault.NotFound, "not_found", "There is no security context with this id here, or it has ended.")
		}
		return err
	})
	return c, err
}

// Close ends a security context. fault.NotFound.
func (a *Administrators) Close(ctx context.Context, by Administrator, id, requestID string) error {
	if _, err := a.Context(ctx, id); err != nil {
		return err
	}
	return a.c.Store.Update(ctx, func(w store.Writer) error {
		if err := w.Delete([]byte(contextPrefix + id)); err != nil {
			return err
		}
		return a.note(w, by.Name, "close", id, requestID)
	})
}

// Contexts lists up to limit that are open, after the id after, and the id to go on with ("" at the end).
func (a *Administrators) Contexts(ctx context.Context, after string, limit int) (out []Context, next string, err error) {
	now := a.c.Clock.Now()
	err = a.c.Store.View(ctx, func(r store.Reader) error {
		out, next = nil, ""
		return eachContext(r, after, func(c Context) error {
			if !now.Before(c.Expires) {
				return nil
			}
			if len(out) == limit {
				next = out[limit-1].ID
				return store.ErrStop
			}
			out = append(out, c)
			return nil
		})
	})
	return out, next, err
}

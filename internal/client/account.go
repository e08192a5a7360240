package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Account is an administrator's user name and password. A client with one opens a security context when it needs it, renews it
// before it ends, and opens another one where its own is not known any more: after it ended, after a restart without the store, or
// when another data center answers at the same address (TAM-02, TAM-03). The caller notices nothing of that.
type Account struct {
	User, Password string
}

// refusedFor is how long a refused sign-in is not tried again: many calls at once must not use up the guesses of the account.
const refusedFor = 30 * time.Second

// signedIn is the security context of a client.
type signedIn struct {
	account Account
	turn    chan struct{} // one element while somebody opens or renews; guards all below
	id      string
	token   string    // "" = none is open
	renewAt time.Time // by this machine's clock
	until   time.Time // likewise; then it has ended
	refused error     // why the last sign-in was refused
	at      time.Time // when
}

func newSignedIn(a *Account) *signedIn {
	if a == nil {
		return nil
	}
	return &signedIn{account: *a, turn: make(chan struct{}, 1)}
}

// enter waits for the turn.
func (s *signedIn) enter(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *signedIn) leave() { <-s.turn }

// credential gives the token to send. former is one that was refused: it is not given again.
func (c *Client) credential(ctx context.Context, former string) (string, error) {
	s := c.signedIn
	if err := s.enter(ctx); err != nil {
		return "", fmt.Errorf("ask %s: %w", c.Endpoint(), err)
	}
	defer s.leave()
	now := time.Now()
	if former != "" && s.token == former {
		s.token = ""
	}
	switch {
	case s.token != "" && now.Before(s.renewAt):
		return s.token, nil
	case s.token != "" && now.Before(s.until):
		err := c.renew(ctx)
		if err == nil || !fault.Is(err, fault.Unauthenticated) && now.Before(s.until) { // it is still good while nobody can be asked
			return s.token, nil
		}
	case s.refused != nil && now.Sub(s.at) < refusedFor:
		return "", s.refused
	}
	err := c.open(ctx)
	return s.token, err
}

// open signs in. The answer says how long it lasts; only this machine's clock measures it, so the two need not agree.
func (c *Client) open(ctx context.Context) error {
	s := c.signedIn
	s.token, s.refused = "", nil
	var out wire.SecurityContextOpened
	_, err := c.do(ctx, Request{Method: http.MethodPost, Path: "/v1/security-contexts", In: wire.SecurityContextRequest{User: s.account.User, Password: s.account.Password}, Out: &out, Retry: true}, anonymous)
	if fault.Is(err, fault.Unauthenticated) || fault.Is(err, fault.Forbidden) {
		s.refused, s.at = err, time.Now()
	}
	if err != nil {
		return err
	}
	s.id, s.token = out.ID, out.Token
	s.lasts(out.ExpiresAt.Sub(out.OpenedAt))
	return nil
}

func (c *Client) renew(ctx context.Context) error {
	s := c.signedIn
	asked := time.Now()
	var out wire.SecurityContextView
	res, err := c.do(ctx, Request{Method: http.MethodPost, Path: Path("v1", "security-contexts", s.id, "renew"), Out: &out}, s.token)
	if err != nil {
		return err
	}
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil { // it says when by its own clock; without that, by ours
		at = asked
	}
	s.lasts(out.ExpiresAt.Sub(at))
	return nil
}

// lasts plans the renewal, early enough for one that fails to be made again.
func (s *signedIn) lasts(life time.Duration) {
	now := time.Now()
	s.renewAt, s.until = now.Add(life*2/3), now.Add(life)
}

// anonymous is the credential of who has none yet.
const anonymous = "-"

// ended says that a refusal is about the security context and not about what was asked.
func ended(err error) bool {
	api, ok := errors.AsType[*APIError](err)
	if !ok || api.Status != http.StatusUnauthorized {
		return false
	}
	code := fault.CodeOf(err)
	return code == "security_context_ended" || code == "wrong_token"
}

// SignOut closes the security context that the client opened, if it did. It may be used on, and then signs in again.
func (c *Client) SignOut(ctx context.Context) error {
	s := c.signedIn
	if s == nil {
		return nil
	}
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	defer s.leave()
	if s.token == "" {
		return nil
	}
	token := s.token
	s.token = ""
	_, err := c.do(ctx, Request{Method: http.MethodDelete, Path: Path("v1", "security-contexts", s.id)}, token)
	if ended(err) || fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

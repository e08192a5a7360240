package backchannel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// callFor is for how long a call is tried.
const callFor = 24 * time.Hour

// ErrRefused says that an agent understood a call and says that it is wrong; saying it again would not help.
var ErrRefused = errors.New("the agent refuses the call")

// Caller carries one call to where its agent is registered to be told. An agent that is registered no more, or for no calls, is told
// nothing, which is no error. Errors wrap ErrRefused where a repetition is of no use.
type Caller interface {
	Call(ctx context.Context, c Call) error
}

// Config wires a Book. All fields are required.
type Config struct {
	Store  store.Store // prefixes g/, w/ and l/
	Caller Caller
	Denies func(sso mdc.SSOID, userKey string, authenticatedAt time.Time) bool // whether a sign-on has ended
	Clock  clock.Clock
	Logger *slog.Logger
}

// Book keeps who is to be told. Safe for concurrent use.
type Book struct {
	cfg  Config
	wake chan struct{} // holds one token when there is something to tell

	mu      sync.Mutex // guards running
	running map[string]bool
}

// New makes a book.
func New(cfg Config) (*Book, error) {
	if cfg.Store == nil || cfg.Caller == nil || cfg.Denies == nil || cfg.Clock == nil || cfg.Logger == nil {
		return nil, errors.New("make book of back-channel calls: incomplete configuration")
	}
	return &Book{cfg: cfg, wake: make(chan struct{}, 1), running: map[string]bool{}}, nil
}

// Use notes that a sign-on uses an agent, durably. One that ended meanwhile is told of at once.
func (b *Book) Use(ctx context.Context, u Used) error {
	err := b.cfg.Store.Update(ctx, func(w store.Writer) error { return u.write(w, b.cfg.Clock.Now()) })
	if err != nil {
		return fmt.Errorf("note that %s is used: %w", u.Agent, err)
	}
	if !b.cfg.Denies(u.SSOID, u.userKey(), u.AuthenticatedAt) {
		return nil
	}
	return b.due(ctx, func(r store.Reader) ([]Used, error) { return usedBy(r, string(u.SSOID)) })
}

// End makes the calls due that revocations which are in force ask for.
func (b *Book) End(ctx context.Context, entries []revocation.Entry) error {
	for _, e := range entries {
		ended := func(r store.Reader) ([]Used, error) { return usedBy(r, e.Key) }
		if e.Kind == revocation.KindUserNotBefore {
			ended = func(r store.Reader) ([]Used, error) { return usedByUser(r, e) }
		}
		if err := b.due(ctx, ended); err != nil {
			return err
		}
	}
	return nil
}

func usedByUser(r store.Reader, e revocation.Entry) (ended []Used, err error) {
	ssos, err := signOnsOf(r, e.Key)
	if err != nil {
		return nil, err
	}
	for _, sso := range ssos {
		all, err := usedBy(r, sso)
		if err != nil {
			return nil, err
		}
		for _, u := range all {
			if !u.AuthenticatedAt.After(e.At) {
				ended = append(ended, u)
			}
		}
	}
	return ended, nil
}

// perUpdate bounds one transaction.
const perUpdate = 500

// due turns what has ended into calls.
func (b *Book) due(ctx context.Context, ended func(store.Reader) ([]Used, error)) error {
	for {
		var left int
		err := b.cfg.Store.View(ctx, func(r store.Reader) error { // most sign-ons used no agent that is told
			all, err := ended(r)
			left = len(all)
			return err
		})
		if err == nil && left > 0 {
			err = b.queueSome(ctx, ended)
		}
		if err != nil {
			return fmt.Errorf("queue back-channel calls: %w", err)
		}
		if left > 0 {
			b.nudge()
		}
		if left <= perUpdate {
			return nil
		}
	}
}

func (b *Book) queueSome(ctx context.Context, ended func(store.Reader) ([]Used, error)) error {
	now := b.cfg.Clock.Now()
	return b.cfg.Store.Update(ctx, func(w store.Writer) error {
		all, err := ended(w)
		if err != nil {
			return err
		}
		for i := range all[:min(len(all), perUpdate)] {
			if err := queue(w, &all[i], now); err != nil {
				return err
			}
		}
		return nil
	})
}

func queue(w store.Writer, u *Used, now time.Time) error {
	c := Call{ID: rand.Text(), Agent: u.Agent, SSOID: u.SSOID, User: u.User, At: now.UTC()}
	if err := put(w, c.key(now), c, callFor); err != nil {
		return err
	}
	if err := w.Delete(keyUsed(u.SSOID, u.Agent)); err != nil {
		return err
	}
	return w.Delete(u.keyUser())
}

// Recover makes the calls due whose revocations were written before an earlier process ended and could queue them.
func (b *Book) Recover(ctx context.Context) error {
	return b.due(ctx, func(r store.Reader) (ended []Used, err error) {
		all, err := usedUnder(r, prefixUsed)
		for _, u := range all {
			if b.cfg.Denies(u.SSOID, u.userKey(), u.AuthenticatedAt) {
				ended = append(ended, u)
			}
		}
		return ended, err
	})
}

// Wake looks for calls to make now: another node on the same store may have noted some.
func (b *Book) Wake() { b.nudge() }

func (b *Book) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

package session

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	progressLife  = 5 * time.Minute // from the first step to the last
	progressTries = 5               // refused proofs after the first step
)

// Progress is how far somebody has come through an authentication scheme of several steps. It is no session and opens
// nothing: only all of the steps make one. The browser keeps it, sealed, from form to form.
type Progress struct {
	Scheme [32]byte // SHA-256 of the scheme as it was at the first step: a scheme that changed is begun anew
	Done   int      // steps that were passed
	Store  string   // identity store of the first step
	User   string   // who passed them all
	Tries  int      // proofs that were refused since the first step

	Certificate Certificate // that one of the steps took

	began time.Time
}

// Refused counts one more refused proof; false when there were too many, and the person begins anew.
func (p *Progress) Refused() bool {
	p.Tries++
	return p.Tries < progressTries
}

// SealProgress makes the hidden field of the next step's form. cookie is what the forms of this browser are bound to: the
// value of FormCookieName.
func (e *Engine) SealProgress(p Progress, cookie string) (string, error) {
	if p.began.IsZero() {
		p.began = e.now()
	}
	b := newPacker(payloadProgress)
	b.random(newRandom())
	b.hash(sha256.Sum256([]byte(cookie)))
	b.hash(p.Scheme)
	b.number(p.Done)
	b.string(p.Store)
	b.string(p.User)
	b.number(p.Tries)
	b.time(p.began)
	b.string(p.Certificate.text())
	return seal.Seal(e.cfg.Keys, e.cfg.ClusterID, e.requestAt(), b.b)
}

// OpenProgress reads what SealProgress made, once in this data center: whoever sends it again to have more tries is refused.
// A fault of kind Forbidden, "steps_expired", where it is of another browser, too old, or was used.
func (e *Engine) OpenProgress(ctx context.Context, text, cookie string) (Progress, error) {
	plain, _, err := seal.Open(e.cfg.Keys, e.requestAt(), text)
	if err != nil && !isRefusal(err) {
		return Progress{}, err
	}
	u := newUnpacker(payloadProgress, plain)
	id, bound := u.random(), u.hash()
	p := Progress{Scheme: u.hash(), Done: u.number(), Store: u.string(), User: u.string(), Tries: u.number(), began: u.time(), Certificate: certificateOf(u.string())}
	want := sha256.Sum256([]byte(cookie))
	expired := fault.New(fault.Forbidden, "steps_expired", "The steps of this sign-in took too long, or one was repeated. Begin the sign-in again.")
	if err != nil || !u.done() || !e.within(p.began, progressLife) || subtle.ConstantTimeCompare(bound[:], want[:]) != 1 ||
		p.Done < 1 || p.Done >= mdc.MaxSchemeSteps || p.Tries < 0 || p.Tries >= progressTries {
		return Progress{}, expired
	}
	used, err := e.useProgress(ctx, id)
	if err != nil {
		return Progress{}, err
	}
	if used {
		return Progress{}, expired
	}
	return p, nil
}

func (e *Engine) useProgress(ctx context.Context, id random128) (used bool, err error) {
	key := keyCode(id.text())
	err = e.cfg.Sessions.Update(ctx, func(w store.Writer) error {
		_, err := w.Get(key)
		if used = err == nil; used || !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return w.Put(key, []byte{1}, progressLife+2*margin)
	})
	if err != nil {
		return false, fmt.Errorf("mark step used: %w", err)
	}
	return used, nil
}

package ca

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	firstRetry = 2 * time.Second
	lastRetry  = 5 * time.Minute
	// longestWait bounds how late a machine that slept, or whose clock was set, notices that a leaf is due.
	longestWait = time.Minute
)

// Run keeps both leaves and the revocation list fresh until ctx ends, then returns nil. A leaf is signed anew, for a new key, two thirds into its
// life, up to a twentieth earlier so that nodes started together do not come together. A failure is tried again after 2 s,
// doubling to 5 minutes; the old leaf serves meanwhile.
func (a *Authority) Run(ctx context.Context) error {
	early := rand.Float64() / 20
	retry := time.Duration(0)
	if a.config.External != nil {
		if err := a.keepUp(ctx); err != nil && ctx.Err() == nil {
			a.config.Logger.WarnContext(ctx, "unfinished certificates not swept up", "error", err)
		}
	}
	for {
		wait := a.untilDue(early)
		if retry > 0 {
			wait = retry
		}
		if !pause(ctx, wait) {
			return nil
		}
		err := a.renewDue(ctx, early)
		a.noteLeaves(err)
		err = errors.Join(err, a.keepUp(ctx))
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end was asked for; what it cut off is no failure
		case err != nil:
			retry = nextRetry(retry, a.config.LeafTTL)
			a.config.Logger.WarnContext(ctx, "certificate renewal failed", "retry_in", retry, "error", err)
		default:
			retry = 0
		}
	}
}

// due is when the leaf l is to be replaced; early is the share of its life taken off.
func (a *Authority) due(l ownLeaf, early float64) time.Time {
	c := a.current(l).Load().Leaf
	if own := a.identity().issuer.cert; own != nil && !bytes.Equal(c.AuthorityKeyId, own.SubjectKeyId) {
		return time.Time{} // the root was rotated, and the first try to renew failed
	}
	life := float64(c.NotAfter.Sub(c.NotBefore))
	return renewAt(c).Add(-time.Duration(life * early))
}

func (a *Authority) untilDue(early float64) time.Duration {
	wait := longestWait
	for _, l := range a.own {
		wait = min(wait, a.due(l, early).Sub(a.config.Clock.Now()))
	}
	return max(wait, 0)
}

// renewDue replaces the leaves that are due. One that cannot be does not keep the other from it.
func (a *Authority) renewDue(ctx context.Context, early float64) error {
	var failed []error
	for _, l := range a.own {
		if a.config.Clock.Now().Before(a.due(l, early)) && !a.Revoked(a.current(l).Load().Leaf.SerialNumber) {
			continue
		}
		if err := a.issue(ctx, l); err != nil {
			failed = append(failed, fmt.Errorf("renew %s leaf: %w", l.name, err))
		}
	}
	return errors.Join(failed...)
}

// keepUp does what is due beside the leaves, about once a minute: the revocation list, and what was left unfinished.
func (a *Authority) keepUp(ctx context.Context) error {
	if err := a.sweep(ctx, a.config.Clock.Now().Add(-intentLimit)); err != nil {
		return err
	}
	err := a.freshenList(ctx)
	if err != nil && a.config.External != nil {
		// It has nothing to do with the leaves, which must not wait longer for it. CRL tells.
		a.config.Logger.WarnContext(ctx, "revocation list not fetched; it is tried again within a minute", "error", err)
		return nil
	}
	return err
}

// nextRetry doubles, up to 5 minutes, and for leaves that live shortly to a twentieth of their life.
func nextRetry(last, ttl time.Duration) time.Duration {
	if last == 0 {
		return firstRetry
	}
	return min(2*last, lastRetry, max(ttl/20, firstRetry))
}

// pause waits for d and says whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

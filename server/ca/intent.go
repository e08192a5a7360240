package ca

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	intentPrefix = "ca/i/" // serial -> Record without a certificate; gone when the certificate is on record
	// intentLimit is how long a signature may take. What was intended before that will not come any more.
	intentLimit = 10 * time.Minute
)

func (a *Authority) putIntent(w store.Writer, rec Record) error {
	raw, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encode intent: %w", err)
	}
	return w.Put([]byte(intentPrefix+rec.Serial), raw, 0)
}

// dropIntent removes the intent of a certificate that is recorded in the same transaction. An intent that is gone was swept
// up: its serial counts as revoked, and a certificate that arrives after that is not handed out.
func (a *Authority) dropIntent(w store.Writer, rec Record) error {
	_, err := w.Get([]byte(intentPrefix + rec.Serial))
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.Unavailable, "issuing_too_slow", "The certificate took too long to sign and was given up. Ask again.")
	}
	if err != nil {
		return err
	}
	return w.Delete([]byte(intentPrefix + rec.Serial))
}

// permitted says whether a certificate of this identity may be made: it is not blocked, and what it is made from is not revoked.
func (a *Authority) permitted(r store.Reader, rec Record, t act) error {
	if rec.Renews != "" {
		if err := absent(r, revocationPrefix+rec.Renews, "certificate_revoked", "This certificate was revoked and is not renewed. An administrator has to issue a new one."); err != nil {
			return err
		}
	}
	if t.lift || t.own {
		return nil
	}
	return unblocked(r, rec.Identity)
}

// MayEnrol refuses, as an enrolment would, an identity that a revocation blocks; a name that no certificate can have is for others
// to refuse. fault.Conflict identity_revoked.
func (a *Authority) MayEnrol(ctx context.Context, p Profile, name string) error {
	s, err := p.shape(a.config.ClusterID, name, nil)
	if err != nil {
		return nil //nolint:nilerr // nothing is blocked under such a name
	}
	return a.config.Store.View(ctx, func(r store.Reader) error { return unblocked(r, s.id) })
}

func unblocked(r store.Reader, identity string) error {
	return absent(r, blockPrefix+identity, "identity_revoked", "This identity was revoked. An administrator has to issue it a certificate once (concord trust issue); after that it is renewed, and can enrol with another join token.")
}

func absent(r store.Reader, key, code, message string) error {
	_, err := r.Get([]byte(key))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	default:
		return fault.New(fault.Conflict, code, "%s", message)
	}
}

// abandon removes the intent of a certificate that the backend says it did not sign. Where that cannot be written, or the
// backend cannot tell, the sweep has it later.
func (a *Authority) abandon(ctx context.Context, rec Record) error {
	return a.config.Store.Update(ctx, func(w store.Writer) error { return w.Delete([]byte(intentPrefix + rec.Serial)) })
}

// sweep ends what was intended before limit and never recorded: whether it was signed, nobody can say any more, so its serial
// is revoked. No certificate was handed out for it.
func (a *Authority) sweep(ctx context.Context, limit time.Time) error {
	left, err := a.leftIntents(ctx, limit)
	if err != nil || len(left) == 0 {
		return err
	}
	var ends []Revocation
	err = a.config.Store.Update(ctx, func(w store.Writer) error {
		ends = nil
		for _, rec := range left {
			if err := w.Delete([]byte(intentPrefix + rec.Serial)); err != nil {
				return err
			}
			end, err := a.end(w, rec, ReasonCessationOfOperation)
			if err != nil {
				return err
			}
			ends = append(ends, end)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sweep intents: %w", err)
	}
	a.config.Logger.WarnContext(ctx, "certificates that were to be signed and never recorded are revoked", "count", len(left))
	return a.enforce(ctx, ends)
}

const maxSwept = 200 // in one transaction; the next sweep has the rest

func (a *Authority) leftIntents(ctx context.Context, limit time.Time) (left []Record, err error) {
	err = a.config.Store.View(ctx, func(r store.Reader) error {
		left = nil
		return r.Range(store.Span{Prefix: []byte(intentPrefix)}, func(_, value []byte) error {
			rec, err := decodeRecord(value)
			if err != nil {
				return err
			}
			if rec.IssuedAt.Before(limit) {
				left = append(left, rec)
			}
			if len(left) == maxSwept {
				return store.ErrStop
			}
			return nil
		})
	})
	return left, err
}

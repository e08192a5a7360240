package passphrase

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/meeting"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Codes of the faults of a pairing.
const (
	CodeModeMismatch    = "mode_mismatch"
	CodeNoPassphrase    = "no_passphrase"
	CodeAlreadyPaired   = "already_paired"
	CodePairingClosed   = "pairing_closed"
	CodeWrongPassphrase = "wrong_passphrase"
)

// Bounds of guessing, and of the time in which an answer that was lost may be asked for again.
const (
	maxFailures   = 5
	failureWindow = 15 * time.Minute
	repeatWindow  = 15 * time.Minute
)

// Offer is what an initiator sends over the connection whose exporter is given.
type Offer struct {
	ClusterID string
	Bundle    []byte
	Proof     []byte
	Exporter  []byte // of our side of the connection by meeting.Exported, never what was sent
}

// Answer judges an initiator's offer, pins its roots and gives our own proof. It is open to everybody: each refusal comes before
// anything is derived that is not kept already. Faults: Forbidden not_a_partner, wrong_passphrase; Conflict mode_mismatch,
// no_passphrase, already_paired; Unavailable pairing_closed; Invalid.
func (p *Pairings) Answer(ctx context.Context, in Offer) ([]byte, error) {
	p.answering.Lock()
	defer p.answering.Unlock()
	partner, profile, err := p.expected(ctx, in.ClusterID)
	if err != nil {
		return nil, err
	}
	gen := generation(partner, profile)
	if err := p.closed(ctx, partner, gen, in.Bundle); err != nil {
		return nil, err
	}
	own, err := p.c.Bundle()
	if err != nil {
		return nil, err
	}
	m := meeting.Meeting{Exporter: in.Exporter, Caller: partner.ClusterID, Answerer: p.c.ClusterID, CallerBundle: in.Bundle, AnswererBundle: []byte(own)}
	counted, err := p.count(ctx, partner, gen)
	if err != nil {
		return nil, err
	}
	key, err := p.proved(ctx, partner, profile, m, in.Proof)
	if err == nil && key == nil {
		p.c.Logger.Warn("pairing refused", "partner", partner.ClusterID, "code", CodeWrongPassphrase)
		return nil, fault.New(fault.Forbidden, CodeWrongPassphrase,
			"The proof is not one of the passphrase that %s expects, or was made on another connection. Declare the same passphrase in the partner profile of %s and for the partner %s on %s.",
			p.c.ClusterID, p.c.ClusterID, p.c.ClusterID, partner.ClusterID)
	}
	if err == nil {
		err = p.pin(ctx, partner, in.Bundle, gen) // it forgets what was counted
	}
	if err != nil {
		return nil, errors.Join(err, p.uncount(ctx, partner.ClusterID, gen, counted))
	}
	return m.Proof(key, meeting.Answerer), nil
}

// expected refuses whom nobody here waits for.
func (p *Pairings) expected(ctx context.Context, clusterID string) (*mdc.Partner, *mdc.PartnerProfile, error) {
	if mode := p.c.Mode(); mode != mdc.ModeSimple {
		return nil, nil, fault.New(fault.Conflict, CodeModeMismatch, "%s is in mode %s; roots are exchanged by a passphrase in mode simple only. Declare one security_mode in both data centers.", p.c.ClusterID, mode)
	}
	partner, err := p.c.Directory.Partner(ctx, clusterID)
	if err != nil {
		return nil, nil, err
	}
	if partner == nil || !partner.InMode(mdc.ModeSimple) {
		return nil, nil, fault.New(fault.Forbidden, "not_a_partner", "The caller is not registered as a partner in mode simple on %s; register it there.", p.c.ClusterID)
	}
	profile, err := p.c.Directory.Profile(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(profile.Passphrase.Wrapped) == 0 {
		return nil, nil, fault.New(fault.Conflict, CodeNoPassphrase, "The partner profile of %s has no passphrase, so nobody can prove one there; declare it.", p.c.ClusterID)
	}
	return partner, profile, nil
}

// closed refuses where there is a pairing already. The same roots may be sent again for a while: the answer to the first time may have been
// lost.
func (p *Pairings) closed(ctx context.Context, partner *mdc.Partner, gen, bundle []byte) error {
	have, err := p.record(ctx, partner.ClusterID)
	if err != nil || have == nil || !bytes.Equal(have.Generation, gen) {
		return err
	}
	sum := sha256.Sum256(bundle)
	if !bytes.Equal(have.Bundle, sum[:]) || p.c.Clock.Now().Sub(have.At) > repeatWindow {
		return fault.New(fault.Conflict, CodeAlreadyPaired, "%s has paired with %s already. To pair again declare a new passphrase version on %s, for the partner or its profile.", p.c.ClusterID, partner.ClusterID, p.c.ClusterID)
	}
	return nil
}

// tooMany is the refusal where too many proofs failed.
func (p *Pairings) tooMany(partner *mdc.Partner, f failures, now time.Time) error {
	left := max(f.At[0].Add(failureWindow).Sub(now), time.Second)
	return &fault.Error{Kind: fault.Unavailable, Code: CodePairingClosed, RetryAfter: left,
		Message: fmt.Sprintf("%d proofs for %s failed on %s within %s, so it takes none for a while. A new passphrase version there opens it at once.", maxFailures, partner.ClusterID, p.c.ClusterID, failureWindow)}
}

// proved gives the key whose proof it is: of the passphrase, or of the former one for a while after a change; nil when of neither.
func (p *Pairings) proved(ctx context.Context, partner *mdc.Partner, profile *mdc.PartnerProfile, m meeting.Meeting, proof []byte) ([]byte, error) {
	for _, wrapped := range [][]byte{profile.Passphrase.Wrapped, profile.Passphrase.FormerAt(p.c.Clock.Now())} {
		if len(wrapped) == 0 {
			continue
		}
		key, err := p.c.Keys.key(ctx, usePair, owner{mdc.PartnerProfileKind(), profile.ObjectName()}, wrapped, partner.ClusterID)
		if err != nil {
			return nil, err
		}
		if m.Proved(key, meeting.Caller, proof) {
			return key, nil
		}
	}
	return nil, nil
}

// failures are the proofs that failed lately, under the passphrases of now.
type failures struct {
	Generation []byte      `json:"generation"`
	At         []time.Time `json:"at"`
}

func (p *Pairings) recent(r store.Reader, clusterID string, gen []byte) (failures, error) {
	out := failures{Generation: gen}
	b, err := r.Get([]byte(failurePrefix + mdc.FoldName(clusterID)))
	if errors.Is(err, store.ErrNotFound) {
		return out, nil
	}
	var kept failures
	if err != nil || json.Unmarshal(b, &kept) != nil || !bytes.Equal(kept.Generation, gen) {
		return out, err
	}
	for _, at := range kept.At {
		if p.c.Clock.Now().Sub(at) < failureWindow {
			out.At = append(out.At, at)
		}
	}
	return out, nil
}

// count counts a proof as one that failed, before it is judged: other nodes on the same store judge at the same time. There are few
// writes: the fifth closes the pairing.
func (p *Pairings) count(ctx context.Context, partner *mdc.Partner, gen []byte) (at time.Time, err error) {
	err = p.change(ctx, partner.ClusterID, gen, func(f *failures) error {
		at = p.c.Clock.Now().UTC().Round(0)
		if len(f.At) >= maxFailures {
			return p.tooMany(partner, *f, at)
		}
		f.At = append(f.At, at)
		return nil
	})
	return at, err
}

// uncount takes one back that was not judged, or whose roots cannot be pinned.
func (p *Pairings) uncount(ctx context.Context, clusterID string, gen []byte, at time.Time) error {
	return p.change(context.WithoutCancel(ctx), clusterID, gen, func(f *failures) error {
		if i := slices.IndexFunc(f.At, at.Equal); i >= 0 {
			f.At = slices.Delete(f.At, i, i+1)
		}
		return nil
	})
}

func (p *Pairings) change(ctx context.Context, clusterID string, gen []byte, do func(*failures) error) error {
	err := p.c.Store.Update(ctx, func(tx store.Writer) error {
		f, err := p.recent(tx, clusterID, gen)
		if err == nil {
			err = do(&f)
		}
		if err != nil {
			return err
		}
		b, err := json.Marshal(f)
		if err != nil {
			return err
		}
		return tx.Put([]byte(failurePrefix+mdc.FoldName(clusterID)), b, 0)
	})
	if err != nil {
		return fmt.Errorf("count proofs of %s: %w", clusterID, err)
	}
	return nil
}

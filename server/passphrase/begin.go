package passphrase

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/meeting"
)

// Conversation is one TLS 1.3 connection to a partner's peer listener, whose certificate proves nothing yet.
type Conversation interface {
	// Exporter is the connection's keying material, by meeting.Exported.
	Exporter() ([]byte, error)
	// Bundle asks for the partner's roots.
	Bundle(ctx context.Context) ([]byte, error)
	// Pair sends our roots with their proof and gives the partner's proof.
	Pair(ctx context.Context, clusterID string, bundle, proof []byte) ([]byte, error)
	Close()
}

const (
	tryTime    = 20 * time.Second // for one attempt
	firstPause = time.Second      // after an attempt that proved nothing wrong, doubled up to longestPause
	// longestPause and wrongPause lie such that our own attempts never close a pairing: four of them fit into 15 minutes.
	longestPause = 30 * time.Second
	wrongPause   = 4 * time.Minute // after a proof was refused
	tryMany      = 8               // at once
)

// try is how the attempts to pair with one partner stand.
type try struct {
	generation []byte
	attempts   int
	due        time.Time // machine's clock
	wrong      bool      // the last one failed for its proof
	err        string    // of the last one
}

// Kick has every partner looked at soon: something was declared. It does not block.
func (p *Pairings) Kick() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// Run pairs with every partner of mode simple that is to be paired with, until ctx ends. It gives nil.
func (p *Pairings) Run(ctx context.Context) error {
	for {
		next := p.round(ctx)
		pause := time.NewTimer(next)
		select {
		case <-pause.C:
		case <-p.kick:
			p.hasten()
		case <-ctx.Done():
			pause.Stop()
			return nil
		}
		pause.Stop()
	}
}

// hasten makes what waits due, but for attempts whose proof was refused: those count as guesses.
func (p *Pairings) hasten() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tries {
		if !t.wrong {
			t.due, t.attempts = time.Time{}, 0
		}
	}
}

// round tries whoever is due and says how long to wait.
func (p *Pairings) round(ctx context.Context) time.Duration {
	if p.c.Mode() != mdc.ModeSimple {
		return time.Hour // a kick comes before
	}
	partners, err := p.c.Directory.Partners(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.c.Logger.Error("cannot read partners", "error", err)
		}
		return firstPause
	}
	var group errgroup.Group
	group.SetLimit(tryMany)
	for _, partner := range partners {
		if p.isDue(ctx, &partner) {
			group.Go(func() error {
				p.attempt(ctx, &partner)
				return nil
			})
		}
	}
	_ = group.Wait() // nobody gives an error
	return p.untilNext(partners)
}

func (p *Pairings) untilNext(partners []mdc.Partner) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	next, known := time.Hour, map[string]bool{}
	for _, partner := range partners {
		known[mdc.FoldName(partner.ClusterID)] = true
	}
	for id, t := range p.tries {
		if !known[id] {
			delete(p.tries, id)
		} else if t.err != "" {
			next = min(next, time.Until(t.due))
		}
	}
	return max(next, 10*time.Millisecond)
}

// isDue says whether the partner is to be paired with, and now.
func (p *Pairings) isDue(ctx context.Context, partner *mdc.Partner) bool {
	gen, needed, err := p.needed(ctx, partner)
	id := mdc.FoldName(partner.ClusterID)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil || !needed {
		delete(p.tries, id)
		return false
	}
	t := p.tries[id]
	if t == nil || !bytes.Equal(t.generation, gen) {
		p.tries[id] = &try{generation: gen}
		return true
	}
	return !time.Now().Before(t.due)
}

// needed says whether we are to begin a pairing: there is a passphrase to prove, and none was made under those of now.
func (p *Pairings) needed(ctx context.Context, partner *mdc.Partner) (gen []byte, needed bool, err error) {
	profile, err := p.c.Directory.Profile(ctx)
	if err != nil {
		return nil, false, err
	}
	gen = generation(partner, profile)
	if p.c.Mode() != mdc.ModeSimple || !partner.InMode(mdc.ModeSimple) || len(partner.Passphrase.Wrapped) == 0 {
		return gen, false, nil
	}
	have, err := p.record(ctx, partner.ClusterID)
	return gen, have == nil || !bytes.Equal(have.Generation, gen), err
}

// attempt makes one, and notes how it ended.
func (p *Pairings) attempt(ctx context.Context, partner *mdc.Partner) {
	trying, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	err := p.begin(trying, partner)
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	t := p.tries[mdc.FoldName(partner.ClusterID)]
	if t == nil {
		t = &try{}
		p.tries[mdc.FoldName(partner.ClusterID)] = t
	}
	t.err, t.wrong = "", false
	if err != nil {
		t.note(err)
	}
	text := t.err
	p.mu.Unlock()
	if err != nil {
		p.c.Logger.Info("not paired yet", "partner", partner.ClusterID, "code", fault.CodeOf(err), "reason", text)
	}
	p.tell()
}

// note says when to try again.
func (t *try) note(err error) {
	t.err = "the partner gave no answer"
	if f, ok := errors.AsType[*fault.Error](err); ok {
		t.err = f.Message
		t.wrong = f.Code == CodeWrongPassphrase || f.Code == CodePairingClosed
	}
	pause := min(firstPause<<min(t.attempts, 10), longestPause)
	if t.wrong {
		pause = wrongPause
	}
	t.attempts++
	t.due = time.Now().Add(pause)
}

// begin reads the partner's roots, proves the passphrase for both bundles on this one connection, and pins only when the
// partner has proved it too.
func (p *Pairings) begin(ctx context.Context, partner *mdc.Partner) error {
	profile, err := p.c.Directory.Profile(ctx)
	if err != nil {
		return err
	}
	own, err := p.c.Bundle()
	if err != nil {
		return err
	}
	key, err := p.c.Keys.key(ctx, usePair, owner{mdc.PartnerKind(), partner.ClusterID}, partner.Passphrase.Wrapped, partner.ClusterID)
	if err != nil {
		return err
	}
	conn, err := p.c.Dial(ctx, *partner)
	if err != nil {
		return err
	}
	defer conn.Close()
	exporter, err := conn.Exporter()
	if err != nil {
		return fmt.Errorf("export keying material: %w", err)
	}
	theirs, err := conn.Bundle(ctx)
	if err != nil {
		return err
	}
	m := meeting.Meeting{Exporter: exporter, Caller: p.c.ClusterID, Answerer: partner.ClusterID, CallerBundle: []byte(own), AnswererBundle: theirs}
	proof, err := conn.Pair(ctx, p.c.ClusterID, m.CallerBundle, m.Proof(key, meeting.Caller))
	if err != nil {
		return err
	}
	if !m.Proved(key, meeting.Answerer, proof) {
		return fault.New(fault.Forbidden, CodeWrongPassphrase, "What answers at the addresses of %s took our proof and gave none of its own: it does not know the passphrase, or stands in between. Nothing was pinned.", partner.ClusterID)
	}
	return p.pin(ctx, partner, theirs, generation(partner, profile))
}

package passphrase

import (
	"bytes"
	"context"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// State is how the pairing with a partner stands. The zero value: nothing is to be paired.
type State struct {
	Paired   bool      // roots are pinned, under these passphrases or former ones
	At       time.Time // when; zero = never
	RootsPEM string    // what was pinned
	Current  bool      // under the passphrases that are declared now
	Reason   string    // why it is not current; "" when it is, or outside of mode simple
	UnderWay bool      // no attempt under these passphrases has ended yet
}

// State gives how the pairing with a registered partner stands.
func (p *Pairings) State(ctx context.Context, clusterID string) (State, error) {
	partner, err := p.c.Directory.Partner(ctx, clusterID)
	if err != nil || partner == nil || p.c.Mode() != mdc.ModeSimple {
		return State{}, err
	}
	profile, err := p.c.Directory.Profile(ctx)
	if err != nil {
		return State{}, err
	}
	have, err := p.record(ctx, partner.ClusterID)
	if err != nil {
		return State{}, err
	}
	var st State
	if have != nil {
		st = State{Paired: true, At: have.At, RootsPEM: have.RootsPEM, Current: bytes.Equal(have.Generation, generation(partner, profile))}
	}
	if !st.Current {
		st.Reason, st.UnderWay = p.reason(partner, profile)
	}
	return st, nil
}

// settleTime is how long after a pairing the partner, or another node of it or of ours, may not have taken the roots over yet.
const settleTime = 5 * time.Second

// Settling says whether the roots of a partner were pinned so lately that it may not believe us yet.
func (p *Pairings) Settling(ctx context.Context, clusterID string) bool {
	if p.c.Mode() != mdc.ModeSimple {
		return false
	}
	have, err := p.record(ctx, clusterID)
	return err == nil && have != nil && p.c.Clock.Now().Sub(have.At) < settleTime
}

func (p *Pairings) reason(partner *mdc.Partner, profile *mdc.PartnerProfile) (why string, underWay bool) {
	p.mu.Lock()
	t := p.tries[mdc.FoldName(partner.ClusterID)]
	last := ""
	if t != nil && bytes.Equal(t.generation, generation(partner, profile)) { // one under former passphrases says nothing of these
		last = t.err
	}
	p.mu.Unlock()
	switch {
	case !partner.InMode(mdc.ModeSimple):
		return "the partner is registered in mode " + partner.SecurityMode + ", this data center is in mode simple", false
	case len(partner.Passphrase.Wrapped) == 0 && len(profile.Passphrase.Wrapped) == 0:
		return "no passphrase is declared: neither for the partner " + partner.ClusterID + " nor in the partner profile", false
	case len(partner.Passphrase.Wrapped) == 0:
		return partner.ClusterID + " has not begun yet, and no passphrase is declared here to begin with", false
	case last == "":
		return "the first attempt is under way", true
	}
	return last, false
}

// Settled is State once the attempt that is under way has ended; as it is where ctx ends before.
func (p *Pairings) Settled(ctx context.Context, clusterID string) (State, error) {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		st, err := p.State(ctx, clusterID)
		if err != nil || !st.UnderWay {
			return st, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return st, nil
		}
	}
}

// Await waits until the pairing with a partner is made, as long as ctx lasts; what keeps it from that is the error. Outside of
// mode simple there is nothing to wait for.
func (p *Pairings) Await(ctx context.Context, clusterID string) error {
	for kicked := false; ; {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		st, err := p.State(ctx, clusterID)
		if err != nil || st.Paired || st.Reason == "" {
			return err
		}
		if !kicked {
			kicked = true
			p.Kick()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fault.New(fault.Conflict, "not_paired", "%s and %s are in mode simple and have not exchanged their roots. Each needs its mode, its profile and the other as a partner, with the same passphrase, before this: %s", p.c.ClusterID, clusterID, st.Reason)
		}
	}
}

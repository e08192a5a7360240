package ca

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Phases of the rotation of a root.
const (
	PhaseStable    = "stable"    // one root
	PhasePublished = "published" // the next root is in the bundle and does not issue yet
	PhaseSwitched  = "switched"  // the next root issues; certificates of the former may be about
)

// Rotation is how far the rotation of the root is.
type Rotation struct {
	Phase    string
	Since    time.Time // of the phase; zero when the first root was never rotated
	Sequence uint64    // of the bundle
	Roots    []Root    // newest last
}

// Root is one root of this data center.
type Root struct {
	Certificate *x509.Certificate
	Issues      bool // it is the one that issues
}

// Rotation tells how far the rotation is.
func (a *Authority) Rotation() Rotation {
	id := a.identity()
	out := Rotation{Phase: id.phase(), Since: id.since, Sequence: id.sequence}
	for _, c := range id.roots() {
		out.Roots = append(out.Roots, Root{Certificate: c, Issues: c == id.root.cert})
	}
	return out
}

// Publish makes the next root and puts it into the bundle beside the present one. It issues nothing yet. fault.Conflict
// out of turn, as for the other steps.
func (a *Authority) Publish(ctx context.Context) error {
	return a.advance(ctx, PhaseStable, func(id *identity) error {
		next, err := newGeneration(a.config, id.sequence+1)
		id.next, id.sequence = next, id.sequence+1
		return err
	})
}

// Cancel takes the next root out of the bundle again, before it issues.
func (a *Authority) Cancel(ctx context.Context) error {
	return a.advance(ctx, PhasePublished, func(id *identity) error {
		id.next, id.sequence = nil, id.sequence+1
		return nil
	})
}

// Switch lets the next root issue, and renews this node's leaves under it. Where a renewal fails the switch is made all the
// same: the error says so, and Run tries again.
func (a *Authority) Switch(ctx context.Context) error {
	err := a.advance(ctx, PhasePublished, func(id *identity) error {
		id.former = &generation{root: id.root, issuer: id.issuer}
		id.root, id.issuer, id.next = id.next.root, id.next.issuer, nil
		return id.cross(a.config)
	})
	if err != nil {
		return err
	}
	failpoint.Here("rotate.switched")
	for _, l := range a.own {
		if err := a.issue(ctx, l); err != nil {
			return fmt.Errorf("renew %s leaf under the new root: %w", l.name, err)
		}
	}
	a.changes.tell()
	return a.freshenList(ctx)
}

// Retire takes the former root out of the bundle and destroys its keys: nothing it issued is accepted any more.
func (a *Authority) Retire(ctx context.Context) error {
	for _, l := range a.own { // a leaf that is still of the former root would be useless afterwards
		if a.due(l, 0).IsZero() {
			if err := a.issue(ctx, l); err != nil {
				return fmt.Errorf("renew %s leaf before its root is retired: %w", l.name, err)
			}
		}
	}
	err := a.advance(ctx, PhaseSwitched, func(id *identity) error {
		id.former, id.crossed, id.sequence = nil, nil, id.sequence+1
		return nil
	})
	if err != nil {
		return err
	}
	a.rechain()
	return a.freshenList(ctx)
}

// advance changes what is kept in one transaction, and only then what is in force.
func (a *Authority) advance(ctx context.Context, from string, change func(*identity) error) error {
	a.rotating.Lock()
	defer a.rotating.Unlock()
	was := a.identity()
	if was.issuer.key == nil {
		return fault.New(fault.Conflict, "external_authority", "The root of this data center is an external authority's: replace it there.")
	}
	if phase := was.phase(); phase != from {
		return fault.New(fault.Conflict, "rotation_out_of_turn", "The rotation of the root is in phase %s; this step follows %s.", phase, from)
	}
	next := *was
	next.since = a.config.Clock.Now().UTC()
	if err := change(&next); err != nil {
		return err
	}
	var err error
	if next.raw, err = encodeIdentity(a.config, &next); err != nil {
		return err
	}
	kept, err := swapIdentity(ctx, a.config.Store, was.raw, next.raw)
	if err != nil {
		return err
	}
	if !bytes.Equal(kept, next.raw) {
		return fault.New(fault.Conflict, "rotation_out_of_turn", "Another node made a step of the rotation at the same time; look at its state, and start again.")
	}
	failpoint.Here("rotate.kept")
	a.issuing.Lock() // no leaf is between its issuer and its check
	a.held.Store(&next)
	a.issuing.Unlock()
	a.config.Logger.InfoContext(ctx, "rotation of the root", "phase", next.phase(), "sequence", next.sequence)
	a.changes.tell()
	return nil
}

func (id *identity) phase() string {
	switch {
	case id.next != nil:
		return PhasePublished
	case id.former != nil:
		return PhaseSwitched
	}
	return PhaseStable
}

func (id *identity) roots() (out []*x509.Certificate) {
	if id.former != nil {
		out = append(out, id.former.root.cert)
	}
	out = append(out, id.root.cert)
	if id.next != nil {
		out = append(out, id.next.root.cert)
	}
	return out
}

// between are the certificates that go with a leaf, the one that signed it first: who knows either root finds it above one of them.
func (id *identity) between() []*x509.Certificate {
	switch {
	case id.crossed == nil:
		return []*x509.Certificate{id.issuer.cert}
	case sameKey(id.crossed.PublicKey, id.root.cert.PublicKey):
		return []*x509.Certificate{id.issuer.cert, id.crossed}
	}
	return []*x509.Certificate{id.crossed, id.issuer.cert} // some look at the first of two alike only, and the former root matters more
}

// Changed gives a channel that is closed at the next change of the roots, of who issues, or of a list of revocations. Take it
// before reading what is in force, so that no change is missed.
func (a *Authority) Changed() <-chan struct{} { return a.changes.next() }

// changes tells whoever waits that something changed.
type changes struct {
	mu sync.Mutex // guards ch
	ch chan struct{}
}

func (c *changes) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ch == nil {
		c.ch = make(chan struct{})
	}
	return c.ch
}

func (c *changes) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ch != nil {
		close(c.ch)
		c.ch = nil
	}
}

// ListIssuer is the issuing certificate that signed a list.
func (a *Authority) ListIssuer(list List) (*x509.Certificate, error) {
	parsed, err := x509.ParseRevocationList(list.DER)
	if err != nil {
		return nil, fmt.Errorf("read revocation list: %w", err)
	}
	all := slices.Clone(a.backend.Issuers())
	if id := a.identity(); id != nil && id.former != nil {
		all = append(all, id.former.issuer.cert)
	}
	for _, c := range slices.Backward(all) { // the one that leads to a root of this data center, not to the former one
		if bytes.Equal(c.SubjectKeyId, parsed.AuthorityKeyId) {
			return c, nil
		}
	}
	return nil, errors.New("the revocation list is of none of the issuing certificates")
}

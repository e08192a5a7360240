package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// copy takes a whole copy because of reason. Until the last moment the old one is served; then the new one is in force
// at once, with its position and the agreement's mark (FLT-15, FLT-16).
func (p *pursuit) copy(ctx context.Context, at mdc.Position, reason string) error {
	differs := false
	p.f.update(p.s, func(s *side) { s.equal = &differs })
	p.f.note(ctx, p.s, func(m *mark) {
		if m.Copy { // what is here goes on being served, and says that it is old (FLT-15)
			m.State, m.Reason = mdc.AgreementStale, "a new copy is taken: "+clip(reason)
		}
	})
	p.log().Info("replication takes a snapshot", "agreement", p.a.Identifier, "source", p.a.Source, "reason", reason)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch := time.AfterFunc(silence, cancel)
	defer watch.Stop()
	c := copying{p: p, at: at, heard: func() { watch.Reset(silence) }}
	objects, err := p.f.c.Sources.Snapshot(ctx, p.a.Source, p.a.Identifier,
		func(pos mdc.Position) error { return c.keep(c.begin(ctx, pos)) },
		func(i Item) error { return c.keep(c.item(ctx, i)) })
	if c.staging != nil {
		defer c.staging.Close()
	}
	if c.own != nil {
		return c.own
	}
	if err == nil && c.staging == nil {
		err = errors.New("it began with nothing")
	}
	if err != nil {
		return fmt.Errorf("copy from %s: %w", p.a.Source, err)
	}
	watch.Stop() // from here on it is our own disk that counts
	return p.switchTo(ctx, c.staging, c.pos, objects)
}

// copying is one snapshot on its way in.
type copying struct {
	p       *pursuit
	at      mdc.Position
	heard   func()
	staging *journal.Staging
	pos     mdc.Position
	own     error // what this side refused, however the transport words it
}

func (c *copying) keep(err error) error {
	if c.own == nil {
		c.own = err
	}
	return err
}

func (c *copying) begin(ctx context.Context, pos mdc.Position) error {
	c.heard()
	if err := c.p.fence(c.at, pos); err != nil {
		return err
	}
	if fork := c.p.f.c.Fork; fork != nil && pos.Epoch != c.at.Epoch {
		if err := fork(ctx, c.p.a.Source); err != nil {
			return fmt.Errorf("keep what %s does not have: %w", c.p.a.Source, err)
		}
	}
	failpoint.Here("copy.begin")
	staging, err := c.p.f.c.Log.Stage(ctx)
	c.staging, c.pos = staging, pos
	return err
}

func (c *copying) item(ctx context.Context, i Item) error {
	c.heard()
	if c.staging == nil {
		return errors.New("copy: an object came before the beginning")
	}
	opened, err := c.p.item(i)
	if err != nil {
		return err
	}
	return c.staging.Put(ctx, opened)
}

// fence refuses to go back: a master that stands behind what this clone has from it lost acknowledged changes, which are
// perhaps only here (FLT-08). An administrator who accepts that disables and enables the agreement.
func (p *pursuit) fence(at, pos mdc.Position) error {
	m, _ := p.f.look(p.a.Identifier)
	if !m.Copy || p.renewed {
		return nil
	}
	if pos.Epoch.Less(at.Epoch) || pos.Epoch == at.Epoch && pos.Sequence < at.Sequence {
		return &stopError{fmt.Sprintf("the master stands at sequence %d of epoch %s, behind this clone's %d of epoch %s: it seems to run from an old backup; to accept its copy disable and enable the agreement",
			pos.Sequence, pos.Epoch, at.Sequence, at.Epoch)}
	}
	return nil
}

// rewritten refuses to follow a master that has other changes than the ones that it sent here before, in the same epoch: it runs
// from an old backup and went on from there. What is here may be all that is left of what it acknowledged (FLT-08).
func (p *pursuit) rewritten(at mdc.Position) error {
	m, _ := p.f.look(p.a.Identifier)
	if !m.Copy || p.renewed {
		return nil
	}
	return &stopError{fmt.Sprintf("the master has other changes up to sequence %d of epoch %s than this clone got from it: it seems to run from an old backup and to have gone on; promote this data center to keep what is here, or disable and enable the agreement to accept the master's copy",
		at.Sequence, at.Epoch)}
}

func (p *pursuit) switchTo(ctx context.Context, staging *journal.Staging, pos mdc.Position, objects uint64) error {
	var m mark
	p.f.update(p.s, func(s *side) { m = s.mark })
	if !m.Copy {
		kept, err := p.f.c.Overwrite(ctx, p.a.Source, staging, pos.Epoch)
		if err != nil {
			return fmt.Errorf("nothing was replaced: %w", err)
		}
		if m.Kept = kept; kept != "" {
			p.log().Warn("objects made here that the first copy replaces are kept as a conflict file", "agreement", p.s.id, "source", p.a.Source, "file", kept)
		}
	}
	m.Copy, m.LastSuccess = true, p.f.c.Clock.Now() // ready only when the master has confirmed it, so that both sides say so
	err := staging.Switch(ctx, pos, objects, func(tx *journal.Tx) error {
		if err := p.f.following(tx, p.a); err != nil {
			return err
		}
		if err := p.f.c.Audit(tx.Writer(), mdc.ReplicationIdentity(p.s.id), "copy", mdc.DataCenterKind().Name+"/"+p.a.Source); err != nil {
			return err
		}
		return writeMark(tx.Writer(), p.s.id, m)
	})
	if err != nil {
		return fmt.Errorf("copy from %s: %w", p.a.Source, err)
	}
	p.f.update(p.s, func(s *side) {
		s.mark = m
		s.latest = max(s.latest, pos.Sequence)
		s.failures = 0
	})
	p.settled, p.copied, p.renewed = false, true, false // asked once more without a wait: the master says whether we are in step
	return nil
}

package federation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// MaxWait is the longest that a question of a partner is kept waiting for news.
const MaxWait = 25 * time.Second

// Publication is what this data center tells of its own trust.
type Publication interface {
	// Current gives all of it, of one moment; without lists while there are none to tell.
	Current(ctx context.Context) (Document, error)
	// Changed gives a channel that is closed at the next change. It is taken before Current.
	Changed() <-chan struct{}
}

// PublisherConfig wires a Publisher. All is needed but the logger.
type PublisherConfig struct {
	Publication Publication
	Store       store.Store // keys under "f/a/"
	Clock       clock.Clock
	Logger      *slog.Logger
}

// Publisher answers what partners ask, and remembers what each of them has. Safe for concurrent use.
type Publisher struct {
	c    PublisherConfig
	stop chan struct{} // closed when the node stops: questions are let go

	reading sync.Mutex // held from a reading of the acknowledgements until they are entered: what was read last is entered last

	mu   sync.Mutex // guards the rest
	acks map[string]Ack
	told uint64 // changes of the store that were taken over
}

// Ack is what a partner has of what we told, durably at its side.
type Ack struct {
	Sequence uint64    `json:"sequence"`
	Number   uint64    `json:"number"`
	At       time.Time `json:"at"` // when it said so first
}

// OpenPublisher reads what partners acknowledged.
func OpenPublisher(ctx context.Context, c PublisherConfig) (*Publisher, error) {
	if c.Publication == nil || c.Store == nil || c.Clock == nil {
		return nil, errors.New("open publisher of trust: a part is missing")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Publisher{c: c, stop: make(chan struct{}), acks: map[string]Ack{}}
	if err := p.Reread(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// Reread takes over what partners acknowledged to any node.
func (p *Publisher) Reread(ctx context.Context) error {
	p.reading.Lock()
	defer p.reading.Unlock()
	var acks map[string]Ack
	err := p.c.Store.View(ctx, func(r store.Reader) error {
		acks = map[string]Ack{}
		return r.Range(store.Span{Prefix: []byte(prefixAck)}, func(k, v []byte) error {
			var a Ack
			if err := json.Unmarshal(v, &a); err != nil {
				return nil //nolint:nilerr // as if it had not acknowledged; its next question says it again
			}
			acks[string(k[len(prefixAck):])] = a
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read what partners acknowledged: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acks, p.told = acks, p.told+1
	return nil
}

// Follow takes over what partners acknowledge to other nodes on the same store, until ctx ends: a step of a rotation may be made at any of
// them. All of it is read at each change, since an event may be older than what was read anew; there are few. It gives nil.
func (p *Publisher) Follow(ctx context.Context) error {
	store.Follow(ctx, p.c.Store, []byte(prefixAck), p.Reread, func([]store.Event) error { return p.Reread(ctx) }, func(err error) {
		p.c.Logger.Warn("what partners acknowledge to other nodes is not followed; trying again", "error", err)
	})
	return nil
}

// Run lets the questions that wait go when ctx ends.
func (p *Publisher) Run(ctx context.Context) error {
	<-ctx.Done()
	close(p.stop)
	return nil
}

// Offer answers a partner that has durably what sequence and number say: with what is newer, at once or when it appears within
// wait, up to MaxWait; with the bare numbers when nothing does.
func (p *Publisher) Offer(ctx context.Context, clusterID string, sequence, number uint64, wait time.Duration) (Document, error) {
	first := true
	end := time.NewTimer(max(0, min(wait, MaxWait)))
	defer end.Stop()
	for {
		changed := p.c.Publication.Changed()
		d, err := p.c.Publication.Current(ctx)
		if err != nil {
			return Document{}, err
		}
		if first {
			if err := p.acknowledge(ctx, clusterID, sequence, number, d); err != nil {
				return Document{}, err
			}
			first = false
		}
		if d.Lists == nil {
			d.Number = number // there is no list to tell now: those that it has stay
		}
		if d.Sequence != sequence || d.Number != number {
			return newer(d, sequence, number), nil
		}
		select {
		case <-changed:
		case <-end.C:
			return newer(d, sequence, number), nil
		case <-p.stop:
			return newer(d, sequence, number), nil
		case <-ctx.Done():
			return Document{}, ctx.Err()
		}
	}
}

// newer leaves out what the caller has.
func newer(d Document, sequence, number uint64) Document {
	if d.Sequence == sequence {
		d.Bundle = nil
	}
	// A list is signed by an issuer that the caller may know only by the new bundle.
	if d.Number == number && d.Sequence == sequence {
		d.Lists = nil
	}
	return d
}

func (p *Publisher) acknowledge(ctx context.Context, clusterID string, sequence, number uint64, d Document) error {
	id := mdc.FoldName(clusterID)
	if sequence > d.Sequence {
		p.c.Logger.Warn("a partner has a later bundle of ours than we do: was this data center restored from a backup?", "partner", clusterID, "theirs", sequence, "ours", d.Sequence)
		sequence = 0
	}
	p.mu.Lock()
	was, told := p.acks[id], p.told
	p.mu.Unlock()
	if was.Sequence == sequence && was.Number == number && !was.At.IsZero() {
		return nil
	}
	a := Ack{Sequence: sequence, Number: number, At: p.c.Clock.Now().UTC()}
	raw, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode acknowledgement: %w", err)
	}
	err = p.c.Store.Update(ctx, func(w store.Writer) error { return w.Put([]byte(prefixAck+id), raw, 0) })
	if err != nil {
		return fmt.Errorf("keep acknowledgement of %s: %w", clusterID, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told == told { // otherwise this one has come by Follow, or one that was written after it
		p.acks[id] = a
	}
	return nil
}

// Ack gives what a partner has; the zero value when it never asked.
func (p *Publisher) Ack(clusterID string) Ack {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acks[mdc.FoldName(clusterID)]
}

// Forget drops what partners that are not registered any more acknowledged.
func (p *Publisher) Forget(ctx context.Context, registered []string) error {
	keep := map[string]bool{}
	for _, id := range registered {
		keep[mdc.FoldName(id)] = true
	}
	p.mu.Lock()
	var gone []string
	for id := range p.acks {
		if !keep[id] {
			gone = append(gone, id)
		}
	}
	p.mu.Unlock()
	if len(gone) == 0 {
		return nil
	}
	err := p.c.Store.Update(ctx, func(w store.Writer) error {
		for _, id := range gone {
			if err := w.Delete([]byte(prefixAck + id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget what partners acknowledged: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range gone {
		delete(p.acks, id)
	}
	return nil
}

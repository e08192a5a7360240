package topology

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	probeEvery = 2 * time.Second // with a quarter of chance either way
	probeTime  = 2 * time.Second // for one hello
	probeMany  = 16              // at once
)

// PartnersConfig wires Partners.
type PartnersConfig struct {
	Log   *journal.Log
	Hello func(ctx context.Context, clusterID string) (Hello, error) // Link.Hello
	Clock clock.Clock
	// Returned is told of a partner that answers again, or for the first time since the start. It must not block.
	Returned func(clusterID string)
	// Heard is told of every hello. It must not block.
	Heard  func(Hello)
	Logger *slog.Logger // nil = none
}

// Partners knows which registered data centers can be reached. Safe for concurrent use.
type Partners struct {
	c       PartnersConfig
	refresh chan struct{} // capacity 1: partners changed
	started time.Time

	mu    sync.Mutex // guards known
	known map[string]PartnerState
}

// PartnerState is what is known of a partner. The zero value: not asked yet.
type PartnerState struct {
	Reachable            bool
	CertificateExpiresAt time.Time     // of the certificate it showed last; zero = never reached
	Hello                Hello         // the last one
	Skew                 time.Duration // its clock less ours, at the last hello; half a round trip is the error
	LastSuccess          time.Time
	LastServing          time.Time // when it last said that it gets users; zero = not since our start
	LastError            string
	LastErrorAt          time.Time
}

// NewPartners refuses bad wiring. It listens to the journal, so it must come before the server starts.
func NewPartners(c PartnersConfig) (*Partners, error) {
	if c.Log == nil || c.Hello == nil || c.Clock == nil {
		return nil, errors.New("new partners: log, hello and clock are needed")
	}
	if c.Returned == nil {
		c.Returned = func(string) {}
	}
	if c.Heard == nil {
		c.Heard = func(Hello) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Partners{c: c, refresh: make(chan struct{}, 1), started: c.Clock.Now(), known: map[string]PartnerState{}}
	c.Log.OnChange(func(changes []journal.Change) {
		for _, ch := range changes {
			if ch.Kind == mdc.PartnerKind().Name || ch.Kind == mdc.TrustedCertificateKind().Name {
				p.Refresh()
				return
			}
		}
	})
	return p, nil
}

// Refresh asks all partners soon. It does not block; the journal calls it when partners or their trust change.
func (p *Partners) Refresh() {
	select {
	case p.refresh <- struct{}{}:
	default:
	}
}

// State gives what is known of a partner.
func (p *Partners) State(clusterID string) PartnerState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[mdc.FoldName(clusterID)]
}

// Run asks every registered partner for its hello every few seconds until ctx ends. It gives nil.
func (p *Partners) Run(ctx context.Context) error {
	if err := p.recall(ctx); err != nil {
		p.c.Logger.Warn("cannot read what was known of partners", "error", err)
	}
	keep := time.NewTicker(seenEvery)
	defer keep.Stop()
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		p.keep(last)
	}()
	for {
		p.probeAll(ctx)
		pause := time.NewTimer(probeEvery*3/4 + rand.N(probeEvery/2))
		select {
		case <-pause.C:
		case <-p.refresh:
			pause.Stop()
		case <-keep.C:
			pause.Stop()
			p.keep(ctx)
		case <-ctx.Done():
			pause.Stop()
			return nil
		}
	}
}

func (p *Partners) probeAll(ctx context.Context) {
	ids, err := p.registered(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.c.Logger.Error("cannot read partners", "error", err)
		}
		return
	}
	p.prune(ids)
	var group errgroup.Group
	group.SetLimit(probeMany)
	for _, id := range ids {
		group.Go(func() error {
			p.Probe(ctx, id)
			return nil
		})
	}
	_ = group.Wait() // nobody gives an error
}

func (p *Partners) registered(ctx context.Context) (ids []string, err error) {
	err = p.c.Log.View(ctx, func(s *journal.Snapshot) error {
		return s.Range(mdc.PartnerKind(), "", func(_ string, body []byte) error {
			o, err := mdc.PartnerKind().Decode(body)
			if err == nil {
				ids = append(ids, o.ObjectName())
			}
			return err
		})
	})
	return ids, err
}

// prune forgets partners that are no longer registered.
func (p *Partners) prune(ids []string) {
	keep := map[string]bool{}
	for _, id := range ids {
		keep[mdc.FoldName(id)] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.known {
		if !keep[id] {
			delete(p.known, id)
		}
	}
}

// Probe asks one partner now, for two seconds at most, and gives what is known of it then.
func (p *Partners) Probe(ctx context.Context, clusterID string) PartnerState {
	asking, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	sent := p.c.Clock.Now()
	h, err := p.c.Hello(asking, clusterID)
	if ctx.Err() != nil {
		return p.State(clusterID) // the server stops; that says nothing of the partner
	}
	now, returned := p.c.Clock.Now(), false
	p.mu.Lock()
	st := p.known[mdc.FoldName(clusterID)]
	if err != nil {
		st.Reachable, st.LastError, st.LastErrorAt = false, safe(err), now
	} else {
		returned = !st.Reachable
		st.Reachable, st.Hello, st.LastSuccess = true, h, now
		if h.serves() {
			st.LastServing = now
		}
		st.CertificateExpiresAt = h.CertificateExpiresAt
		st.Skew = h.Time.Sub(sent.Add(now.Sub(sent) / 2))
	}
	p.known[mdc.FoldName(clusterID)] = st
	p.mu.Unlock()
	if err == nil && mdc.SameName(h.ClusterID, clusterID) {
		p.c.Heard(h)
	}
	if returned {
		p.c.Logger.Info("partner answers", "partner", clusterID)
		p.c.Returned(clusterID)
	}
	return st
}

// MasterAddress gives the admin address of the data center that this one follows: the declared rest_endpoint, else what it
// said itself; "" when not known. It may be called inside a transaction.
func (p *Partners) MasterAddress() string {
	address := ""
	err := p.c.Log.View(context.Background(), func(s *journal.Snapshot) error {
		return each(s, func(a *mdc.Agreement) error {
			if a.Side != mdc.SideClone {
				return nil
			}
			master, err := partner(s, a.Source)
			if err == nil && master != nil {
				address = master.RESTEndpoint
			}
			if address == "" {
				address = p.State(a.Source).Hello.AdminURL
			}
			return err
		})
	})
	if err != nil {
		p.c.Logger.Warn("cannot look up the master's address", "error", err)
	}
	return address
}

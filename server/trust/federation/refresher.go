package federation

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	firstRetry  = time.Second
	lastRetry   = time.Minute
	leastPeriod = time.Second // between two answers without news
	// settleTime is how long a retirement waits for what is under way on connections that were made under the former root.
	settleTime = 2 * time.Second
)

// RefresherConfig wires a Refresher. All is needed but the logger.
type RefresherConfig struct {
	Book     *Book
	Partners func(ctx context.Context) ([]mdc.Partner, error)
	// Fetch asks a partner for what is newer than what we have, over a link that proves who answers.
	Fetch func(ctx context.Context, clusterID string, sequence, number uint64, wait time.Duration) (Document, error)
	// Tidy writes what followed from a change of the partners.
	Tidy func(ctx context.Context) error
	// Changed puts in force what was taken. It returns when it is.
	Changed func()
	// Leave lets go of connections to partners that nothing is under way on; later requests make new ones.
	Leave  func()
	Clock  clock.Clock
	Logger *slog.Logger
}

// Refresher keeps what partners told fresh: one long poll for each. Safe for concurrent use.
type Refresher struct {
	c       RefresherConfig
	refresh chan struct{} // capacity 1: the partners changed

	mu    sync.Mutex // guards polls
	polls map[string]*poll
}

// poll is the work on one partner.
type poll struct {
	clusterID string
	stop      context.CancelFunc
	done      chan struct{}
	wake      chan struct{} // capacity 1: try again now

	mu    sync.Mutex // guards state
	state Refresh
}

// Refresh is how the last question went.
type Refresh struct {
	LastSuccess time.Time // zero = never since the start
	LastError   string    // "" after a success
	LastErrorAt time.Time
}

// NewRefresher refuses bad wiring.
func NewRefresher(c RefresherConfig) (*Refresher, error) {
	if c.Book == nil || c.Partners == nil || c.Fetch == nil || c.Changed == nil || c.Leave == nil || c.Tidy == nil || c.Clock == nil {
		return nil, errors.New("new refresher of trust: a part is missing")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Refresher{c: c, refresh: make(chan struct{}, 1), polls: map[string]*poll{}}, nil
}

// Refresh takes over which partners there are, and asks all of them anew: what is declared for one may have changed. It does
// not block.
func (r *Refresher) Refresh() { nudge(r.refresh) }

// Wake asks one partner now rather than when its pause is over.
func (r *Refresher) Wake(clusterID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.polls[mdc.FoldName(clusterID)]; p != nil {
		nudge(p.wake)
	}
}

// State gives how the last question to a partner went.
func (r *Refresher) State(clusterID string) Refresh {
	r.mu.Lock()
	p := r.polls[mdc.FoldName(clusterID)]
	r.mu.Unlock()
	if p == nil {
		return Refresh{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Run asks every partner until ctx ends. It gives nil.
func (r *Refresher) Run(ctx context.Context) error {
	defer r.end(nil)
	for {
		retry := time.NewTimer(lastRetry)
		if err := r.follow(ctx); err != nil && ctx.Err() == nil {
			r.c.Logger.Error("cannot read partners", "error", err)
			retry.Reset(firstRetry)
		}
		select {
		case <-r.refresh:
		case <-retry.C:
		case <-ctx.Done():
		}
		retry.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// follow starts what is missing, and ends what is of no registered partner.
func (r *Refresher) follow(ctx context.Context) error {
	partners, err := r.c.Partners(ctx)
	if err != nil {
		return err
	}
	here := map[string]bool{}
	for _, p := range partners {
		here[mdc.FoldName(p.ClusterID)] = p.SecurityMode != mdc.ModeOpen // without TLS nothing proves who tells
	}
	r.end(here)
	if err := r.c.Tidy(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range partners {
		id := mdc.FoldName(p.ClusterID)
		if have := r.polls[id]; have != nil {
			nudge(have.wake)
			continue
		}
		if here[id] {
			r.polls[id] = r.start(ctx, p.ClusterID)
		}
	}
	return nil
}

// end stops the polls of all who are not in keep, and waits for them.
func (r *Refresher) end(keep map[string]bool) {
	r.mu.Lock()
	var ending []*poll
	for id, p := range r.polls {
		if !keep[id] {
			ending = append(ending, p)
			delete(r.polls, id)
		}
	}
	r.mu.Unlock()
	for _, p := range ending {
		p.stop()
	}
	for _, p := range ending {
		<-p.done
	}
}

func (r *Refresher) start(ctx context.Context, clusterID string) *poll {
	ctx, stop := context.WithCancel(ctx)
	p := &poll{clusterID: clusterID, stop: stop, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	go func() {
		defer close(p.done)
		r.keep(ctx, p)
	}()
	return p
}

// keep asks one partner again and again.
func (r *Refresher) keep(ctx context.Context, p *poll) {
	retry := time.Duration(0)
	wait := time.Duration(0) // the first answer, and that after a failure, comes at once: it tells how things stand
	for ctx.Err() == nil {
		asked := time.Now()
		news, err := r.ask(ctx, p.clusterID, wait)
		if ctx.Err() != nil {
			return
		}
		p.note(r.c.Clock.Now(), err)
		short := wait == 0
		wait = MaxWait
		switch {
		case err != nil:
			wait = 0
			if retry == 0 {
				r.c.Logger.Warn("cannot refresh a partner's roots and revocations; the last good ones count", "partner", p.clusterID, "error", err)
			}
			retry = min(max(2*retry, firstRetry), lastRetry)
		case !news && !short && time.Since(asked) < leastPeriod:
			retry = 0
			p.pause(ctx, leastPeriod)
			continue
		default:
			retry = 0
			continue
		}
		p.pause(ctx, retry*3/4+rand.N(retry/2))
	}
}

// ask makes one question and takes its answer.
func (r *Refresher) ask(ctx context.Context, clusterID string, wait time.Duration) (news bool, err error) {
	held, err := r.c.Book.Standing(ctx, clusterID)
	if err != nil {
		return false, err
	}
	if held.Damaged {
		return false, errDamaged
	}
	d, err := r.c.Fetch(ctx, clusterID, held.Sequence, held.Number, wait)
	if err != nil {
		return false, err
	}
	if d.Sequence < held.Sequence {
		return false, refuse("%s tells of sequence %d, older than %d, which is held: was it restored from a backup? Register it again.", clusterID, d.Sequence, held.Sequence)
	}
	if d.Bundle == nil && d.Lists == nil {
		return false, nil
	}
	if r.c.Book.Retires(ctx, clusterID, d) {
		r.settle(ctx)
	}
	changed, err := r.c.Book.Take(context.WithoutCancel(ctx), clusterID, d)
	if changed {
		r.c.Logger.Info("roots or revocations of a partner taken over", "partner", clusterID, "sequence", d.Sequence, "number", d.Number)
		r.c.Changed()
	}
	return changed, err
}

// settle lets requests on connections that were made under a root that is about to go come to their end on them.
func (r *Refresher) settle(ctx context.Context) {
	r.c.Leave()
	t := time.NewTimer(settleTime)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (p *poll) note(at time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.state.LastSuccess, p.state.LastError = at, ""
		return
	}
	p.state.LastError, p.state.LastErrorAt = "The partner cannot be asked.", at
	if f, ok := errors.AsType[*fault.Error](err); ok {
		p.state.LastError = f.Message
	}
}

func (p *poll) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.wake:
	case <-ctx.Done():
	}
}

func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

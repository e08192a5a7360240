package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

const (
	fetches    = 2 // at once
	firstPause = 500 * time.Millisecond
	longPause  = 30 * time.Second
	hopeless   = 20 * time.Minute // for what is refused as it is: perhaps a newer version here accepts it
	planEvery  = time.Minute      // also without news
	silence    = 30 * time.Second // until an answer, and for each least bytes of it: others wait for their turn
	least      = 64 << 10
)

// CodeUnderWay is the fault's code for a content that is being fetched already.
const CodeUnderWay = "blob_under_way"

// FetchConfig wires a Fetcher.
type FetchConfig struct {
	Store  *Store
	Wanted Wanted
	// Sources gives the data centers, and nodes of this one, to ask, the likeliest first.
	Sources func(ctx context.Context) ([]string, error)
	// Ask asks one of them for a blob from a byte on, and says from which byte on its answer is. Only ctx bounds it.
	Ask    func(ctx context.Context, source, sha256 string, from int64) (body io.ReadCloser, start int64, err error)
	Clock  clock.Clock
	Logger *slog.Logger // nil = none
}

// Absence is a blob that packages here refer to and that is not here.
type Absence struct {
	SHA256    string
	Size      int64
	Have      int64     // bytes that are here
	Since     time.Time // when it was first missed since the start
	LastError string    // "" = none yet
}

// Fetcher gets absent blobs. Safe for concurrent use.
type Fetcher struct {
	c    FetchConfig
	wake chan struct{} // capacity 1

	surveying sync.Mutex // held by the one survey that runs: an older one must not undo what a newer one found

	mu     sync.Mutex // guards all below
	absent map[string]*absence
	retry  bool            // pauses are over
	busy   map[string]bool // what is being brought; no fetch of it may run beside
}

// absence is one blob to fetch.
type absence struct {
	Absence
	pause  time.Duration
	due    time.Time          // by the machine's clock
	cancel context.CancelFunc // of the fetch under way; nil = none is

	dropped bool // not wanted any more; it goes when its fetch has ended
}

// NewFetcher refuses bad wiring.
func NewFetcher(c FetchConfig) (*Fetcher, error) {
	if c.Store == nil || c.Wanted == nil || c.Sources == nil || c.Ask == nil || c.Clock == nil {
		return nil, errors.New("new blob fetcher: store, wanted, sources, ask and clock are needed")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Fetcher{c: c, wake: make(chan struct{}, 1), absent: map[string]*absence{}, busy: map[string]bool{}}, nil
}

// Refresh makes Run look at the packages again. It does not block.
func (f *Fetcher) Refresh() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Retry is Refresh that ends every pause: a source that could not be reached can be, or there is another one.
func (f *Fetcher) Retry() {
	f.mu.Lock()
	f.retry = true
	f.mu.Unlock()
	f.Refresh()
}

// Absent looks which blobs are missing now, and lists them by digest.
func (f *Fetcher) Absent(ctx context.Context) ([]Absence, error) {
	if err := f.survey(ctx); err != nil {
		return nil, fmt.Errorf("list absent blobs: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]Absence, 0, len(f.absent))
	for _, a := range f.absent {
		if !a.dropped {
			out = append(out, a.Absence)
		}
	}
	slices.SortFunc(out, func(a, b Absence) int { return strings.Compare(a.SHA256, b.SHA256) })
	return out, nil
}

// Run fetches what is absent until ctx ends, and joins what it started. It gives nil.
func (f *Fetcher) Run(ctx context.Context) error {
	var jobs sync.WaitGroup
	defer jobs.Wait()
	for {
		next := planEvery
		if err := f.survey(ctx); err != nil && ctx.Err() == nil {
			f.c.Logger.Error("the blobs that packages refer to cannot be listed", "error", err)
			next = time.Second
		}
		for _, a := range f.dueNow(ctx, &next) {
			jobs.Go(func() {
				f.done(a.Absence, a.fetch(a.ctx, f))
				f.Refresh()
			})
		}
		again := time.NewTimer(next)
		select {
		case <-ctx.Done():
			again.Stop()
			return nil
		case <-f.wake:
		case <-again.C:
		}
		again.Stop()
	}
}

// survey compares the packages with what is here.
func (f *Fetcher) survey(ctx context.Context) error {
	f.surveying.Lock()
	defer f.surveying.Unlock()
	want, err := f.c.Wanted(ctx)
	if err != nil {
		return err
	}
	for digest, size := range want {
		found, err := f.c.Store.Has(digest, size)
		if err != nil {
			return err
		}
		if found {
			delete(want, digest)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for digest, a := range f.absent {
		_, still := want[digest]
		switch a.dropped = !still; {
		case still:
		case a.cancel != nil:
			a.cancel()
		default:
			delete(f.absent, digest)
		}
	}
	for digest, size := range want {
		if f.absent[digest] == nil {
			f.absent[digest] = &absence{Absence: Absence{SHA256: digest, Size: size, Since: f.c.Clock.Now()}}
		}
		f.absent[digest].Size = size
	}
	return nil
}

// job is one fetch that shall start.
type job struct {
	Absence
	ctx context.Context //nolint:containedctx // handed to the goroutine that is started with it
}

// dueNow takes the fetches whose pause is over, as far as there is room, and shortens next to when another one is due.
func (f *Fetcher) dueNow(ctx context.Context, next *time.Duration) (out []job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	running := 0
	for _, a := range f.absent {
		if f.retry {
			a.pause, a.due = 0, time.Time{}
		}
		if a.cancel != nil {
			running++
		}
	}
	f.retry = false
	for _, a := range f.absent {
		left := time.Until(a.due)
		switch {
		case a.cancel != nil || a.dropped || f.busy[a.SHA256] || running == fetches && left <= 0:
		case left > 0:
			*next = min(*next, left)
		default:
			running++
			own, cancel := context.WithCancel(ctx)
			a.cancel = cancel
			out = append(out, job{a.Absence, own})
		}
	}
	return out
}

// done enters how a fetch ended.
func (f *Fetcher) done(was Absence, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.absent[was.SHA256]
	if a == nil {
		return
	}
	a.cancel()
	a.cancel = nil
	if err == nil || a.dropped {
		delete(f.absent, was.SHA256)
		f.c.Logger.Info("fetch of a blob has ended", "sha256", was.SHA256, "bytes", was.Size, "wanted", !a.dropped)
		return
	}
	if a.Have > was.Have { // it goes forward
		a.pause = 0
	}
	a.pause = min(longPause, max(firstPause, 2*a.pause))
	if fault.Is(err, fault.Invalid) {
		a.pause = hopeless
	}
	a.due = time.Now().Add(a.pause/2 + rand.N(a.pause/2))
	a.LastError = clip(err.Error())
	f.c.Logger.Warn("blob could not be fetched", "sha256", was.SHA256, "have", a.Have, "of", a.Size, "error", err)
}

// fetch asks one source after the other.
func (j job) fetch(ctx context.Context, f *Fetcher) error {
	// A survey that began before the last fetch of it ended may have found it absent.
	if here, err := f.c.Store.Has(j.SHA256, j.Size); err != nil || here {
		return err
	}
	sources, err := f.c.Sources(ctx)
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return errors.New("there is nobody to ask: no enabled replication agreement with a data center that could have it, and no other node that is alive")
	}
	var errs []error
	for _, source := range sources {
		err := f.from(ctx, source, j.SHA256, j.Size)
		if err == nil || ctx.Err() != nil {
			return err
		}
		errs = append(errs, fmt.Errorf("from %s: %w", source, err))
	}
	return errors.Join(errs...)
}

// Bring fetches one blob from one source now, whether a package refers to it or not: one is about to. It is then claimed. fault.Conflict when
// it is being fetched already.
func (f *Fetcher) Bring(ctx context.Context, source, digest string, size int64) error {
	f.mu.Lock()
	a := f.absent[digest]
	if f.busy[digest] || a != nil && a.cancel != nil {
		f.mu.Unlock()
		return fault.New(fault.Conflict, CodeUnderWay, "The content is being fetched; try again.")
	}
	f.busy[digest] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.busy, digest)
		f.mu.Unlock()
		f.Refresh()
	}()
	if err := f.from(ctx, source, digest, size); err != nil {
		return err
	}
	_, _, err := f.c.Store.Claim(digest)
	return err
}

// from gets what is left of a blob from one data center.
func (f *Fetcher) from(ctx context.Context, source, digest string, size int64) error {
	p, err := f.c.Store.resume(digest, size)
	if err != nil {
		return err
	}
	defer p.close()
	f.have(digest, p.have)
	if p.have < size {
		if err := f.get(ctx, source, p); err != nil {
			return err
		}
	}
	return p.finish(ctx)
}

var errTooSlow = fmt.Errorf("too slow: less than %d bytes came in %v", least, silence)

func (f *Fetcher) get(ctx context.Context, source string, p *part) error {
	if err := f.c.Store.room(p.size - p.have); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(silence, func() { cancel(errTooSlow) })
	defer watch.Stop()
	body, start, err := f.c.Ask(ctx, source, p.digest, p.have)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // it was only read
	if err := p.at(start); err != nil {
		return err
	}
	watch.Reset(silence)
	got := 0
	_, err = f.c.Store.copy(ctx, p.f, io.LimitReader(body, p.size-p.have), func(n int) {
		if got += n; got >= least {
			got = 0
			watch.Reset(silence)
		}
		p.have += int64(n)
		f.have(p.digest, p.have)
	})
	if err == nil && p.have < p.size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		if slow := context.Cause(ctx); errors.Is(slow, errTooSlow) {
			err = slow
		}
		return fmt.Errorf("broke off at byte %d of %d: %w", p.have, p.size, err)
	}
	return nil
}

func (f *Fetcher) have(digest string, n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.absent[digest]; a != nil {
		a.Have = n
	}
}

// clip bounds what is kept of an error that another data center may have worded.
func clip(s string) string { return s[:min(len(s), 512)] }

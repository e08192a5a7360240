package revocation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Partners lists the registered, active partners by cluster id, as spelled in their registration.
type Partners interface{ List() []string }

// Peers carries messages to one partner. Both calls end with their context.
type Peers interface {
	// SendRevocations gives what the partner durably has of each origin, by cluster id.
	SendRevocations(ctx context.Context, cluster string, b Batch) (map[string]uint64, error)
	PullRevocations(ctx context.Context, cluster string, p Pull) (Batch, error)
}

// Config wires a Log. All fields are required.
type Config struct {
	ClusterID string
	State     store.Store
	Partners  Partners
	Peers     Peers
	Clock     clock.Clock
	Logger    *slog.Logger
	// Applied is called with entries that are new here, once Denies knows them and before Add and Receive return.
	Applied func(ctx context.Context, entries []Entry) error
}

// Log keeps and spreads revocations. Safe for concurrent use.
type Log struct {
	cfg      Config
	table    *table
	followed store.Standing // see Follow

	mu    sync.Mutex        // guards have and links
	have  map[string]uint64 // by folded origin; durable
	links map[string]*link  // by folded cluster id
}

// Open loads the live entries of cfg.State.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	if cfg.State == nil || cfg.Partners == nil || cfg.Peers == nil || cfg.Clock == nil || cfg.Logger == nil ||
		cfg.Applied == nil || !mdc.ValidClusterID(cfg.ClusterID) {
		return nil, errors.New("open revocation log: incomplete configuration")
	}
	l := &Log{cfg: cfg, table: newTable(), have: make(map[string]uint64), links: make(map[string]*link)}
	if err := cfg.State.View(ctx, l.load); err != nil {
		return nil, fmt.Errorf("open revocation log: %w", err)
	}
	return l, nil
}

func (l *Log) load(r store.Reader) error {
	var live []Entry
	err := rangeLog(r, 0, func(_ uint64, e Entry) error {
		live = append(live, e)
		return nil
	})
	if err != nil {
		return err
	}
	l.table.add(live)
	return r.Range(store.Span{Prefix: []byte(prefixHave)}, func(k, v []byte) error {
		seq, err := number(v)
		l.have[string(k[len(prefixHave):])] = seq
		return err
	})
}

// Denies says whether the sign-on sso, or all sign-ons of the user at that time, were ended. It reads memory only.
func (l *Log) Denies(sso mdc.SSOID, userKey string, authenticatedAt time.Time) bool {
	return l.table.denies(string(sso), userKey, authenticatedAt)
}

// Changes counts additions: while it stays the same, Denies gives the same answers.
func (l *Log) Changes() uint64 { return l.table.changes.Load() }

// NotBefore is the latest moment at which all sign-ons of a user were ended; zero if never.
func (l *Log) NotBefore(userKey string) time.Time { return l.table.notBefore(userKey) }

// Add makes a revocation of this data center: durable, then in force here, then on its way. The position it gives is what
// Receipt takes. What says nothing new is not kept again; its position is then the end of the log, which covers it.
func (l *Log) Add(ctx context.Context, e Entry) (position uint64, err error) {
	e.Origin = l.cfg.ClusterID
	e.At, e.ExpiresAt = e.At.UTC().Truncate(time.Millisecond), e.ExpiresAt.UTC()
	if l.table.known(e) {
		return l.end(ctx)
	}
	now := l.cfg.Clock.Now()
	err = l.cfg.State.Update(ctx, func(w store.Writer) error {
		if e.Sequence, err = increase(w, keyOwn); err != nil {
			return err
		}
		position, err = appendEntry(w, e, now)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("add revocation: %w", err)
	}
	return position, l.inForce(ctx, []Entry{e})
}

// Receive keeps what the partner from sent and gives what is durably here of each origin. Entries that cannot be are
// refused with the whole batch: a fault of kind Invalid.
func (l *Log) Receive(ctx context.Context, from string, b Batch) (map[string]uint64, error) {
	if err := l.keep(ctx, from, b); err != nil {
		return nil, err
	}
	return l.Have(), nil
}

func (l *Log) keep(ctx context.Context, from string, b Batch) error {
	fresh, err := l.sift(b)
	if err != nil {
		return err
	}
	origin, now := mdc.FoldName(from), l.cfg.Clock.Now()
	var have uint64
	moves := func(have uint64) bool { return b.After <= have && b.Through > have }
	if len(fresh) == 0 && !moves(l.haveOf(origin)) {
		return nil
	}
	err = l.cfg.State.Update(ctx, func(w store.Writer) error {
		for _, e := range fresh {
			if _, err := appendEntry(w, e, now); err != nil {
				return err
			}
			if err := l.advance(w, e); err != nil {
				return err
			}
		}
		if have, err = readNumber(w, keyHave(origin)); err != nil || !moves(have) {
			return err
		}
		have = b.Through
		return w.Put(keyHave(origin), bytesOf(have), 0)
	})
	if err != nil {
		return fmt.Errorf("keep revocations of %s: %w", from, err)
	}
	l.mu.Lock()
	l.have[origin] = max(l.have[origin], have)
	l.mu.Unlock()
	return l.inForce(ctx, fresh)
}

// maxSequence leaves room above what a partner can make us continue from.
const maxSequence = 1 << 62

// advance lets the own sequence continue behind an entry of ours that came back after a restore.
func (l *Log) advance(w store.Writer, e Entry) error {
	if !mdc.SameName(e.Origin, l.cfg.ClusterID) || e.Sequence > maxSequence {
		return nil
	}
	own, err := readNumber(w, []byte(keyOwn))
	if err != nil || e.Sequence <= own {
		return err
	}
	return w.Put([]byte(keyOwn), bytesOf(e.Sequence), 0)
}

// sift checks a batch and leaves what is new and not expired.
func (l *Log) sift(b Batch) ([]Entry, error) {
	if len(b.Entries) > MaxBatch || b.After > b.Through {
		return nil, fault.New(fault.Invalid, "invalid_input", "A batch has at most %d revocations and ends after its start.", MaxBatch)
	}
	now := l.cfg.Clock.Now()
	var fresh []Entry
	for _, e := range b.Entries {
		if !e.sound(now) {
			return nil, fault.New(fault.Invalid, "invalid_input", "The batch has a revocation that no data center makes.")
		}
		if e.ExpiresAt.After(now) && !l.table.known(e) {
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

// inForce makes durable entries count here: first every request is denied, then the sessions end, then partners are told.
func (l *Log) inForce(ctx context.Context, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	l.table.add(entries)
	err := l.cfg.Applied(ctx, entries)
	l.wake()
	if err != nil {
		return fmt.Errorf("apply revocations: %w", err)
	}
	return nil
}

// Have is what is durably here of each other origin without a gap, by cluster id in lower case.
func (l *Log) Have() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	have := make(map[string]uint64, len(l.have))
	for k, v := range l.have {
		have[k] = v
	}
	return have
}

func (l *Log) haveOf(origin string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.have[origin]
}

// Sweep forgets expired entries in memory; the store drops its own.
func (l *Log) Sweep() { l.table.sweep(l.cfg.Clock.Now()) }

// life is how long an entry is stored: to its end and a second, so that the store never drops what still denies.
func (e Entry) life(now time.Time) time.Duration { return max(e.ExpiresAt.Sub(now), 0) + time.Second }

func decodeEntry(v []byte) (e Entry, err error) {
	if err = json.Unmarshal(v, &e); err != nil {
		err = fmt.Errorf("decode revocation: %w", err)
	}
	return e, err
}

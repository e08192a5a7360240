package passphrase

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	leadPrefix = "p/c/" // how far a partner's clock was ahead of ours, by partner
	leadStep   = 250 * time.Millisecond
)

// leads keep how far partners' clocks are ahead of ours. A message of a clock that is ahead has a time that may still be to come
// when the next process starts, which knows no nonces of this one: so the next process has to know the lead. There are few writes: only
// a lead that grew by a step, or one that was smaller for a while.
type leads struct {
	store  store.Store
	before map[string]time.Duration // of former processes, as it was at the start; never changed

	mu sync.Mutex // guards by, and is held while one is written
	by map[string]*lead
}

// lead is that of one partner. What it was longer ago than nonceTime is of no use: no message of then counts any more.
type lead struct {
	kept         time.Duration // on stable storage
	former, last time.Duration // the most in the time before since, and from then on
	since        time.Time
}

func openLeads(ctx context.Context, st store.Store, now time.Time) (*leads, error) {
	l := &leads{store: st, before: map[string]time.Duration{}, by: map[string]*lead{}}
	err := st.View(ctx, func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte(leadPrefix)}, func(k, v []byte) error {
			var kept time.Duration
			if err := json.Unmarshal(v, &kept); err != nil || kept < 0 || kept > messageTime+leadStep {
				kept = messageTime + leadStep // what cannot be read is taken for the most that there can be
			}
			id := strings.TrimPrefix(string(k), leadPrefix)
			l.before[id], l.by[id] = kept, &lead{kept: kept, former: kept, since: now}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the leads of partners' clocks: %w", err)
	}
	return l, nil
}

// took says, before a message counts, that it came at now with a time that far ahead; it is on stable storage then.
func (l *leads) took(ctx context.Context, clusterID string, ahead time.Duration, now time.Time) error {
	id := mdc.FoldName(clusterID)
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.by[id]
	if one == nil {
		one = &lead{since: now}
		l.by[id] = one
	}
	want := one.most(ahead, now)
	if want == one.kept {
		return nil
	}
	err := l.store.Update(ctx, func(w store.Writer) error {
		b, err := json.Marshal(want)
		if err != nil {
			return err
		}
		return w.Put([]byte(leadPrefix+id), b, 0)
	})
	if err != nil {
		return fmt.Errorf("keep the lead of the clock of %s: %w", clusterID, err)
	}
	one.kept = want
	return nil
}

// most is the longest lead of late, with one more, in steps.
func (o *lead) most(ahead time.Duration, now time.Time) time.Duration {
	switch age := now.Sub(o.since); {
	case age > 2*nonceTime:
		o.former, o.last, o.since = 0, 0, now
	case age > nonceTime:
		o.former, o.last, o.since = o.last, 0, now
	}
	if ahead > 0 {
		o.last = max(o.last, ahead.Truncate(leadStep)+leadStep)
	}
	return max(o.former, o.last)
}

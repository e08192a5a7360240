package assertion

import (
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	shards     = 64
	shardLimit = 512 // entries, of some 900 bytes each
)

// memory holds the assertions that were signed last. An entry is for one session as it was: who is given other groups or another
// level has another *mdc.Session, and gets another assertion at once (SEC-26).
type memory struct{ shards [shards]shard }

type shard struct {
	mu      sync.Mutex
	entries map[place]entry // guarded by mu
}

type place struct {
	agent string
	id    mdc.SessionID
}

type entry struct {
	session  *mdc.Session // kept, so that no other can have its address
	key      *key
	from, to time.Time
	text     string
	form     string // of rendered
	rendered string // what the caller made of text; "" = nothing yet
}

func (m *memory) shard(id mdc.SessionID) *shard {
	if len(id) < 2 {
		return &m.shards[0]
	}
	return &m.shards[(id[0]^id[1]<<1)%shards]
}

// get gives an entry whose text is good for at least Life - reuse, unless its session ends before.
func (m *memory) get(agent string, v *mdc.Session, k *key, now time.Time) (entry, bool) {
	s := m.shard(v.ID)
	s.mu.Lock()
	e, ok := s.entries[place{agent, v.ID}]
	s.mu.Unlock()
	return e, ok && e.session == v && e.key == k && !now.Before(e.from) && now.Before(e.to)
}

func (m *memory) put(agent string, v *mdc.Session, k *key, now time.Time, text string) {
	s := m.shard(v.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries == nil {
		s.entries = map[place]entry{}
	}
	p := place{agent, v.ID}
	if _, there := s.entries[p]; !there && len(s.entries) >= shardLimit {
		for other := range s.entries { // any one: it costs one signature
			delete(s.entries, other)
			break
		}
	}
	s.entries[p] = entry{session: v, key: k, from: now, to: now.Add(reuse), text: text}
}

// render keeps what was made of an entry's text, if it is still that one's. A text that stands in it is not kept a second time.
func (m *memory) render(agent string, v *mdc.Session, text, form, rendered string) {
	s := m.shard(v.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := place{agent, v.ID}
	e, ok := s.entries[p]
	if !ok || e.text != text {
		return
	}
	if at := strings.Index(rendered, text); at >= 0 {
		e.text = rendered[at : at+len(text)]
	}
	e.form, e.rendered = form, rendered
	s.entries[p] = e
}

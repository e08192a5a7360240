package assertion

import (
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	shards     = 64
	shardLimit = 512 // entries, of some 600 bytes each
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
}

func (m *memory) shard(id mdc.SessionID) *shard {
	if len(id) < 2 {
		return &m.shards[0]
	}
	return &m.shards[(id[0]^id[1]<<1)%shards]
}

// get gives a text that is good for at least Life - reuse, unless its session ends before.
func (m *memory) get(agent string, v *mdc.Session, k *key, now time.Time) (string, bool) {
	s := m.shard(v.ID)
	s.mu.Lock()
	e, ok := s.entries[place{agent, v.ID}]
	s.mu.Unlock()
	if !ok || e.session != v || e.key != k || now.Before(e.from) || !now.Before(e.to) {
		return "", false
	}
	return e.text, true
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

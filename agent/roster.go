package agent

import (
	"hash/maphash"
	"slices"
	"sync"
)

// roster is one list of servers; it never changes.
type roster struct {
	primaries, secondaries []*server
	last                   []*server // of the file, where the list is another: asked when nobody else answers
}

func (r *roster) everyone() []*server { return slices.Concat(r.primaries, r.secondaries, r.last) }

// make makes the roster of two lists. A server that is known already, from the list in use or from the file, stays the same, with its
// connections and with what is known of its health.
func (l *servers) make(primaries, secondaries []Server) (*roster, error) {
	var known []*server
	if now := l.now.Load(); now != nil {
		known = append(now.everyone(), l.file.everyone()...)
	}
	out := &roster{}
	add := func(to *[]*server, cluster string, s Server) error {
		for _, k := range known {
			if k.node == s.Node && k.url == s.URL && k.cluster == cluster {
				*to = append(*to, k)
				return nil
			}
		}
		made, err := l.connect(s, cluster)
		if err == nil {
			*to = append(*to, made)
		}
		return err
	}
	for _, s := range primaries {
		if err := add(&out.primaries, l.cfg.ClusterID, s); err != nil {
			return nil, err
		}
	}
	for _, s := range secondaries {
		if err := add(&out.secondaries, s.ClusterID, s); err != nil {
			return nil, err
		}
	}
	if l.file != nil {
		for _, s := range l.file.everyone() {
			if !slices.Contains(out.primaries, s) && !slices.Contains(out.secondaries, s) {
				out.last = append(out.last, s)
			}
		}
	}
	return out, nil
}

func (r *roster) same(other *roster) bool {
	return slices.Equal(r.primaries, other.primaries) && slices.Equal(r.secondaries, other.secondaries)
}

// order gives the servers to try: primaries from the chosen one on, then secondaries, then those of the file.
func (l *servers) order(list *roster, q question) []*server {
	n := len(list.primaries)
	out := make([]*server, 0, n+len(list.secondaries)+len(list.last))
	if q.sticky == "" {
		first := int((l.next.Add(1) - 1) % uint64(n)) //nolint:gosec // below n
		out = append(append(out, list.primaries[first:]...), list.primaries[:first]...)
	} else {
		out = append(out, l.ranked(list, q.sticky)...)
		if at := slices.Index(out, l.homes.of(maphash.String(l.seed, q.sticky))); at > 0 {
			home := out[at]
			copy(out[1:at+1], out[:at])
			out[0] = home
		}
	}
	return append(append(out, list.secondaries...), list.last...)
}

// ranked orders the primaries for one cookie, by a number that each gets for it: who has no home goes to the first, and stays there
// when other servers come and go.
func (l *servers) ranked(list *roster, cookie string) []*server {
	if len(list.primaries) == 1 {
		return list.primaries
	}
	weight := func(s *server) uint64 {
		var h maphash.Hash
		h.SetSeed(l.seed)
		_, _ = h.WriteString(s.node) // never fails
		_, _ = h.WriteString(cookie)
		return h.Sum64()
	}
	return slices.SortedStableFunc(slices.Values(list.primaries), func(a, b *server) int {
		switch wa, wb := weight(a), weight(b); {
		case wa > wb:
			return -1
		case wa < wb:
			return 1
		}
		return 0
	})
}

// served notes which primary answered a person, so that their next requests go there too, also when the one that they came from is
// back (CAMS-08). Who was served by a secondary returns to the primaries when one works again (OAM-10).
func (l *servers) served(list *roster, q question, s *server) {
	if q.sticky == "" || len(list.primaries) < 2 || !slices.Contains(list.primaries, s) {
		return
	}
	key := maphash.String(l.seed, q.sticky)
	if home := l.homes.of(key); home == s || home == nil && l.ranked(list, q.sticky)[0] == s {
		return
	}
	l.homes.put(key, s)
}

// settle makes the server that signed a person in the one that the new cookie goes to.
func (l *servers) settle(cookie string, s *server) {
	if cookie != "" && s != nil {
		l.served(l.now.Load(), question{sticky: cookie}, s)
	}
}

// homes are the servers of people who are not where ranked puts them first. It holds two generations; who is in neither goes by the
// rank again, which costs nothing.
type homes struct {
	mu       sync.Mutex // guards both
	new, old map[uint64]*server
}

const maxHomes = 32 << 10 // of a generation

func (h *homes) of(key uint64) *server {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s, ok := h.new[key]; ok {
		return s
	}
	s := h.old[key]
	if s != nil {
		h.add(key, s) // in use, so it stays
	}
	return s
}

func (h *homes) put(key uint64, s *server) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.add(key, s)
}

func (h *homes) add(key uint64, s *server) {
	if len(h.new) >= maxHomes || h.new == nil {
		h.new, h.old = map[uint64]*server{}, h.new
	}
	h.new[key] = s
}

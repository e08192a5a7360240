package etcd

import (
	"encoding/binary"
	"maps"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/prefixed"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// A group of several transactions is one revision of etcd, which shows the last value of each key only. So such a group also
// writes the key <space>/t: which transaction wrote what, with the values that a later one of the group replaced. Watches
// give the transactions one by one; readers never look at it.

// perRevision is more transactions than a group has; a store.Revision is etcd's times this, and the place in the group.
const perRevision = 1 << 12

// Kinds of a write in the record of a group.
const (
	lastWrite   = 0 // the key's event of this revision says what was written
	goneWrite   = 1 // deleted, and written again by a later transaction
	formerWrite = 2 // the value follows, which a later transaction replaced
)

// recordOf writes down the transactions of a group, in their order.
func recordOf(transactions []map[string]entry) []byte {
	last := map[string]int{}
	for i, t := range transactions {
		for key := range t {
			last[key] = i
		}
	}
	var out []byte
	for i, t := range transactions {
		out = binary.AppendUvarint(out, uint64(len(t)))
		for _, key := range slices.Sorted(maps.Keys(t)) {
			out = prefixed.Append(out, []byte(key))
			switch value, _, _ := unwrap(t[key].raw); {
			case last[key] == i:
				out = append(out, lastWrite)
			case t[key].raw == nil:
				out = append(out, goneWrite)
			default:
				out = prefixed.Append(append(out, formerWrite), value)
			}
		}
	}
	return out
}

// split gives the transactions of one revision by what recordOf wrote, where the last writes are known; none if that is damaged.
func split(record []byte, last map[string]store.Event) (out [][]store.Event) {
	r := prefixed.Reader{Rest: record}
	for len(r.Rest) > 0 {
		var one []store.Event
		n := r.Number()
		if r.Short || n > uint64(len(r.Rest)) { // each write takes more than a byte
			return nil
		}
		for range n {
			e := store.Event{Key: r.Bytes()}
			switch r.Byte() {
			case lastWrite:
				if r.Short {
					return nil
				}
				known, there := last[string(e.Key)]
				if !there { // what was absent before and was deleted again
					continue
				}
				e = known
			case formerWrite:
				e.Value = append([]byte{}, r.Bytes()...) // nil would be a deletion
			}
			if r.Short {
				return nil
			}
			one = append(one, e)
		}
		out = append(out, one)
	}
	return out
}

// transactions gives what the events of an answer were made by. Those of one revision are together in it.
func (s *Store) transactions(events []*clientv3.Event) (out [][]store.Event) {
	for len(events) > 0 {
		n := slices.IndexFunc(events, func(e *clientv3.Event) bool { return e.Kv.ModRevision != events[0].Kv.ModRevision })
		if n < 0 {
			n = len(events)
		}
		out = append(out, s.ofRevision(events[:n])...)
		events = events[n:]
	}
	return out
}

func (s *Store) ofRevision(events []*clientv3.Event) [][]store.Event {
	var all []store.Event
	var record []byte
	last := map[string]store.Event{}
	for _, e := range events {
		key := string(e.Kv.Key)
		switch {
		case key == s.recordKey && e.Type == clientv3.EventTypePut:
			record = e.Kv.Value
		case len(key) > len(s.base) && key[:len(s.base)] == s.base:
			one := store.Event{Key: []byte(key[len(s.base):])}
			if e.Type == clientv3.EventTypePut {
				value, _, err := unwrap(e.Kv.Value)
				if err != nil {
					continue // not ours
				}
				one.Value = value
			}
			all = append(all, one)
			last[string(one.Key)] = one
		}
	}
	transactions := split(record, last)
	if len(transactions) == 0 {
		transactions = [][]store.Event{all}
	}
	for i, t := range transactions {
		for k := range t {
			t[k].Revision = store.Revision(events[0].Kv.ModRevision)*perRevision + store.Revision(i)
		}
	}
	return transactions
}

package badger

import (
	"slices"
	"sort"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

type entryKind uint8

const (
	absent  entryKind = iota // rolled back: the database below counts
	put                      // raw is to be written
	deleted                  // to be deleted
)

// entry is what a group will do to one key.
type entry struct {
	kind    entryKind
	raw     []byte // as stored, see wrap; never changed once it is here
	expires uint64 // for Badger: Unix seconds by the machine's clock, 0 = never
	turn    uint64 // the function that wrote it
}

// change is what a key was before the running function wrote it for the first time.
type change struct {
	key    string
	before entry
}

// overlay holds the writes of the group in the making. Only the worker that makes the group touches it; once it is to be committed its
// entries stay as they are, and the next group's worker reads them and orders their keys; who commits reads entries alone.
type overlay struct {
	below   *overlay // of the group before while that is not published; of it the entries alone count, not what is below it
	entries map[string]entry
	sorted  []string // keys of entries in ascending order, but for those in fresh
	fresh   []string // keys added since the last ordered
	undo    []change // of the running function
	turn    uint64
}

func newOverlay() *overlay { return &overlay{entries: map[string]entry{}} }

// reset empties the overlay for the next group.
func (o *overlay) reset() {
	o.below = nil
	const keep = 4096 // clearing a map costs as much as it once held
	if len(o.entries) > keep {
		o.entries, o.sorted, o.fresh, o.undo = map[string]entry{}, nil, nil, nil
		return
	}
	clear(o.entries)
	o.sorted, o.fresh, o.undo = o.sorted[:0], o.fresh[:0], o.undo[:0]
}

// begin starts the turn of the next function.
func (o *overlay) begin() {
	o.turn++
	clear(o.undo) // lets go of the values before
	o.undo = o.undo[:0]
}

// get is what is to become of a key.
func (o *overlay) get(key string) entry {
	e := o.entries[key]
	if e.kind == absent && o.below != nil {
		e = o.below.entries[key]
	}
	return e
}

func (o *overlay) set(key []byte, e entry) {
	e.turn = o.turn
	before, known := o.entries[string(key)]
	k := string(key)
	if !known {
		o.fresh = append(o.fresh, k)
	}
	if before.turn != o.turn {
		o.undo = append(o.undo, change{k, before})
	}
	o.entries[k] = e
}

// rollback drops the writes of the running function. Keys that only it wrote stay, as absent.
func (o *overlay) rollback() {
	for _, c := range o.undo {
		o.entries[c.key] = c.before
	}
	o.undo = o.undo[:0]
}

// dirty says whether there is anything to commit.
func (o *overlay) dirty() bool {
	for _, e := range o.entries {
		if e.kind != absent {
			return true
		}
	}
	return false
}

// events are the keys that the running function wrote, in the order of their first write.
func (o *overlay) events() []store.Event {
	if len(o.undo) == 0 {
		return nil
	}
	events := make([]store.Event, len(o.undo))
	for i, c := range o.undo {
		events[i].Key = []byte(c.key)
		if e := o.entries[c.key]; e.kind == put {
			events[i].Value, _, _ = unwrap(e.raw)
		}
	}
	return events
}

// ordered gives the keys that start with prefix in ascending order, each once.
func (o *overlay) ordered(prefix []byte) []string {
	keys := o.own(prefix)
	if o.below == nil {
		return keys
	}
	return slices.Compact(mergeSorted(slices.Clone(keys), o.below.own(prefix)))
}

// own is ordered without what is below. Sorting waits until somebody asks, so that a group
// without ranges pays nothing.
func (o *overlay) own(prefix []byte) []string {
	if len(o.fresh) > 0 {
		slices.Sort(o.fresh)
		o.sorted = mergeSorted(o.sorted, o.fresh)
		o.fresh = o.fresh[:0]
	}
	from := search(o.sorted, prefix)
	n := sort.Search(len(o.sorted)-from, func(i int) bool { return !strings.HasPrefix(o.sorted[from+i], string(prefix)) })
	return o.sorted[from : from+n]
}

// mergeSorted merges b into a, from the end so that it needs no second slice.
func mergeSorted(a, b []string) []string {
	i, j := len(a)-1, len(b)-1
	a = slices.Grow(a, len(b))[:len(a)+len(b)]
	for k := len(a) - 1; j >= 0; k-- {
		if i >= 0 && a[i] > b[j] {
			a[k] = a[i]
			i--
		} else {
			a[k] = b[j]
			j--
		}
	}
	return a
}

// search is the index of the first key not below start.
func search(keys []string, start []byte) int {
	return sort.Search(len(keys), func(i int) bool { return keys[i] >= string(start) })
}

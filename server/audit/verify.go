package audit

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Broken says which record of a chain is the first that does not fit (SEC-75).
type Broken struct {
	Chain    string
	Sequence uint64 // where it should be
	Why      string
}

// Error names the record.
func (b *Broken) Error() string {
	return fmt.Sprintf("audit chain is broken at record %d of %s: %s", b.Sequence, b.Chain, b.Why)
}

// Report is what a sound chain holds.
type Report struct {
	Records     uint64
	First, Last uint64 // sequences; 0 without records
	Hash        string // of the last record: who kept it elsewhere can prove later that nothing before it was changed
}

// link is the part of a record that holds the chain together.
type link struct {
	Sequence uint64    `json:"sequence"`
	Time     time.Time `json:"time"`
	Node     string    `json:"node"`
	PrevHash string    `json:"prev_hash"`
}

// Verify walks the chain and gives the number of records; the error, a *Broken, names the first record that does not fit.
func (l *Log) Verify(ctx context.Context, s store.Store) (uint64, error) {
	r, err := l.Examine(ctx, s)
	return r.Records, err
}

// Examine is Verify with all that it found. It reads one snapshot: what is written meanwhile is not part of it.
func (l *Log) Examine(ctx context.Context, s store.Store) (report Report, err error) {
	err = s.View(ctx, func(r store.Reader) (err error) {
		report, err = l.examine(ctx, r)
		return err
	})
	return report, err
}

// walk is how far the chain was followed.
type walk struct {
	n, last uint64 // records; the last one's sequence
	prev    string
	high    int64
	signed  bool              // the last record was written by a node that signs
	hours   map[uint64]uint64 // marks that are still to be met, by sequence
}

func (l *Log) examine(ctx context.Context, r store.Reader) (Report, error) {
	m, err := l.readMark(r)
	if err != nil {
		return Report{}, err
	}
	if !l.signedBy(m.MAC, m.Sequence != 0, "checkpoint", m.Sequence, m.Hash, m.High, 0) {
		return Report{}, l.broken(m.Sequence+1, "the checkpoint before it is not the one that was written")
	}
	w := walk{last: m.Sequence, prev: m.Hash, high: m.High}
	if w.hours, err = l.readHours(r); err != nil {
		return Report{}, err
	}
	err = r.Range(store.Span{Prefix: l.records()}, func(k, v []byte) error {
		if w.n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return l.follow(&w, k[len(l.prefix)+2:], v)
	})
	if err != nil {
		return Report{}, err
	}
	report := Report{Records: w.n, Last: w.last, Hash: w.prev}
	if w.n > 0 {
		report.First = w.last - w.n + 1
	}
	return report, l.ends(r, &w)
}

// follow takes the next record, which lies under sequence.
func (l *Log) follow(w *walk, sequence, v []byte) error {
	next := w.last + 1
	var rec link
	switch err := json.Unmarshal(v, &rec); {
	case len(sequence) != 8 || binary.BigEndian.Uint64(sequence) != next:
		return l.broken(next, "it is missing")
	case err != nil:
		return l.broken(next, "it cannot be read")
	case rec.Sequence != next:
		return l.broken(next, "it says that it is another one")
	case rec.PrevHash != w.prev:
		if w.n == 0 {
			return l.broken(next, "what is before it is not what it follows")
		}
		return l.broken(w.last, "the record behind it follows another one")
	}
	ms := rec.Time.UnixMilli()
	if hour, marked := w.hours[next]; marked && (hourOf(ms) != hour || ms < w.high) {
		return l.broken(next, "the index of times is wrong about it")
	}
	delete(w.hours, next)
	w.n, w.last, w.prev, w.high, w.signed = w.n+1, next, hash(v), max(w.high, ms), rec.Node != ""
	return nil
}

// ends compares what was walked with the head.
func (l *Log) ends(r store.Reader, w *walk) error {
	h, err := l.readHead(r)
	switch {
	case err != nil:
		return err
	case h.Sequence > w.last:
		return l.broken(w.last+1, fmt.Sprintf("the chain ends before it, its head says %d", h.Sequence))
	case h.Sequence < w.last:
		return l.broken(h.Sequence+1, fmt.Sprintf("the chain ends at record %d, its head says %d", w.last, h.Sequence))
	case h.Hash != w.prev:
		return l.broken(w.last, "it is not the one that the head names")
	case !l.signedBy(h.MAC, w.signed, "head", h.Sequence, h.Hash, h.High, h.Back):
		return l.broken(w.last, "the head that names it is not the one that was written")
	}
	for sequence := range w.hours {
		if sequence > w.last {
			return l.broken(sequence, "the index of times names it, and it is missing")
		}
	}
	return nil
}

// signedBy says whether a signature is right. Without a key, and where nothing needs one, none is asked for.
func (l *Log) signedBy(mac string, needed bool, what string, sequence uint64, hash string, high, back int64) bool {
	if len(l.c.Key) == 0 || mac == "" && !needed {
		return true
	}
	return hmac.Equal([]byte(mac), []byte(l.sign(what, sequence, hash, high, back)))
}

// readHours gives the hour of each record that is the first of one.
func (l *Log) readHours(r store.Reader) (map[uint64]uint64, error) {
	hours := map[uint64]uint64{}
	err := r.Range(store.Span{Prefix: l.hours()}, func(k, v []byte) error {
		if len(k) == len(l.prefix)+2+8 && len(v) == 8 {
			hours[binary.BigEndian.Uint64(v)] = binary.BigEndian.Uint64(k[len(l.prefix)+2:])
		}
		return nil
	})
	return hours, err
}

func (l *Log) broken(sequence uint64, why string) error {
	return &Broken{Chain: l.c.Chain, Sequence: sequence, Why: why}
}

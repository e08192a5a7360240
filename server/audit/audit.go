package audit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// The chains.
const (
	Acts    = "acts"    // of administrators and of the data center itself, in the state store
	Runtime = "runtime" // of people's sign-ons, in the sessions store
)

// Config wires a Log.
type Config struct {
	ClusterID, NodeName string
	Chain               string // Acts or Runtime
	Key                 []byte // signs head and checkpoint; it lies outside of the database. nil = they are not signed
	Clock               clock.Clock
}

// Log is one chain of one data center. It keeps no state of its own but what the last bytes of a head came to: several of one chain
// may be used at once.
type Log struct {
	c      Config
	prefix string
	last   atomic.Pointer[decoded]
}

// decoded is a head with its bytes in the store, which nobody changes any more.
type decoded struct {
	raw  []byte
	head head
}

// New makes a log of the acts, for a data center whose heads are not signed.
func New(clusterID string, c clock.Clock) *Log {
	return Open(Config{ClusterID: clusterID, Chain: Acts, Clock: c})
}

// Open makes a log.
func Open(c Config) *Log {
	l := &Log{c: c, prefix: "a/"}
	if c.Chain == Runtime {
		l.prefix = "l/"
	}
	return l
}

// Chain is the chain's name.
func (l *Log) Chain() string { return l.c.Chain }

// head is the end of the chain.
type head struct {
	Sequence uint64 `json:"sequence"`
	Hash     string `json:"hash"`           // of the last record
	High     int64  `json:"high,omitempty"` // latest time of any record, Unix milliseconds
	Back     int64  `json:"back,omitempty"` // by how much a record was earlier than High at most: the clock was set back
	MAC      string `json:"mac,omitempty"`  // over the rest
}

// mark is where a chain that was pruned begins.
type mark struct {
	Sequence uint64 `json:"sequence"` // of the last record that was removed
	Hash     string `json:"hash"`     // of that record
	High     int64  `json:"high"`     // as in head, up to there
	MAC      string `json:"mac,omitempty"`
}

// Append adds a record to the chain in the caller's transaction.
func (l *Log) Append(tx store.Writer, e Event) error {
	h, err := l.readHead(tx)
	if err != nil {
		return err
	}
	now := l.c.Clock.Now().UTC()
	rec := Record{Sequence: h.Sequence + 1, Time: now, DataCenter: l.c.ClusterID, Node: l.c.NodeName, Event: e.Bounded(), PrevHash: h.Hash}
	b, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encode audit record: %w", err)
	}
	if err := tx.Put(l.key(rec.Sequence), b, 0); err != nil {
		return err
	}
	if err := l.mark(tx, &h, rec); err != nil {
		return err
	}
	h.Sequence, h.Hash = rec.Sequence, hash(b)
	return l.writeHead(tx, h)
}

// mark keeps the first record of each hour, so that a question about a time need not read all of the chain. The hours only
// ascend: while the clock is set back, records count to the hour that was reached.
func (l *Log) mark(tx store.Writer, h *head, rec Record) error {
	ms := rec.Time.UnixMilli()
	if ms < h.High {
		h.Back = max(h.Back, h.High-ms)
		return nil
	}
	before := h.High
	h.High = ms
	if before != 0 && hourOf(before) == hourOf(ms) {
		return nil
	}
	return tx.Put(l.hourKey(hourOf(ms)), binary.BigEndian.AppendUint64(nil, rec.Sequence), 0)
}

func hourOf(ms int64) uint64 { return uint64(max(0, ms)) / uint64(time.Hour.Milliseconds()) }

// Last is the sequence of the last record; 0 without one.
func (l *Log) Last(ctx context.Context, s store.Store) (n uint64, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		h, err := l.readHead(r)
		n = h.Sequence
		return err
	})
	return n, err
}

// readHead decodes only what this log has not written itself, as it does before nearly every record.
func (l *Log) readHead(r store.Reader) (h head, err error) {
	raw, err := r.Get(l.headKey())
	if last := l.last.Load(); err == nil && last != nil && bytes.Equal(last.raw, raw) {
		return last.head, nil
	}
	return h, decode(raw, err, &h)
}

func (l *Log) writeHead(tx store.Writer, h head) error {
	h.MAC = l.sign("head", h.Sequence, h.Hash, h.High, h.Back)
	raw, err := write(tx, l.headKey(), h)
	if err == nil {
		l.last.Store(&decoded{raw, h})
	}
	return err
}

func (l *Log) readMark(r store.Reader) (m mark, err error) { return m, read(r, l.markKey(), &m) }

func (l *Log) writeMark(tx store.Writer, m mark) error {
	m.MAC = l.sign("checkpoint", m.Sequence, m.Hash, m.High, 0)
	_, err := write(tx, l.markKey(), m)
	return err
}

// sign binds what it says to this chain of this data center; "" without a key.
func (l *Log) sign(what string, sequence uint64, hash string, high, back int64) string {
	if len(l.c.Key) == 0 {
		return ""
	}
	m := hmac.New(sha256.New, l.c.Key)
	fmt.Fprintf(m, "concord audit %s\n%s\n%s\n%d\n%s\n%d\n%d\n", what, l.c.ClusterID, l.c.Chain, sequence, hash, high, back) //nolint:errcheck // a hash takes everything
	return hex.EncodeToString(m.Sum(nil))
}

// read leaves v as it is when there is nothing under key.
func read(r store.Reader, key []byte, v any) error {
	b, err := r.Get(key)
	return decode(b, err, v)
}

func decode(b []byte, err error, v any) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read audit chain: %w", err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode end of audit chain: %w", err)
	}
	return nil
}

func write(tx store.Writer, key []byte, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode end of audit chain: %w", err)
	}
	return b, tx.Put(key, b, 0)
}

func (l *Log) headKey() []byte     { return []byte(l.prefix + "h") }
func (l *Log) markKey() []byte     { return []byte(l.prefix + "c") }
func (l *Log) records() []byte     { return []byte(l.prefix + "e/") }
func (l *Log) hours() []byte       { return []byte(l.prefix + "t/") }
func (l *Log) key(n uint64) []byte { return binary.BigEndian.AppendUint64(l.records(), n) }
func (l *Log) hourKey(hour uint64) []byte {
	return binary.BigEndian.AppendUint64(l.hours(), hour)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

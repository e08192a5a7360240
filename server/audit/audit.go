package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Event is what happened.
type Event struct {
	Actor     string `json:"actor"`  // who: "token:bootstrap", "agreement:NYDC-LDC"
	Action    string `json:"action"` // put, delete
	Target    string `json:"target"` // kind/name
	RequestID string `json:"request_id,omitempty"`
}

// Record is an event with its place in the chain.
type Record struct {
	Sequence   uint64    `json:"sequence"`
	Time       time.Time `json:"time"`
	DataCenter string    `json:"data_center"`
	Event
	PrevHash string `json:"prev_hash"` // hex SHA-256 of the record before, as it is stored
}

// Log writes the chain of one data center.
type Log struct {
	clusterID string
	clock     clock.Clock
}

// New makes a log for a data center.
func New(clusterID string, c clock.Clock) *Log { return &Log{clusterID, c} }

type head struct {
	Sequence uint64 `json:"sequence"`
	Hash     string `json:"hash"`
}

// Append adds a record to the chain in the caller's transaction.
func (l *Log) Append(tx store.Writer, e Event) error {
	h, err := readHead(tx)
	if err != nil {
		return err
	}
	rec := Record{Sequence: h.Sequence + 1, Time: l.clock.Now(), DataCenter: l.clusterID, Event: e, PrevHash: h.Hash}
	b, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encode audit record: %w", err)
	}
	if err := tx.Put(key(rec.Sequence), b, 0); err != nil {
		return err
	}
	hb, err := json.Marshal(head{rec.Sequence, hash(b)})
	if err != nil {
		return fmt.Errorf("encode audit head: %w", err)
	}
	return tx.Put(headKey(), hb, 0)
}

// Verify walks the chain and gives the number of records; the error names the first record that does not fit.
func (l *Log) Verify(ctx context.Context, s store.Store) (n uint64, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		n = 0
		prev := ""
		err := r.Range(store.Span{Prefix: []byte("a/e/")}, func(_, v []byte) error {
			var rec Record
			if err := json.Unmarshal(v, &rec); err != nil || rec.Sequence != n+1 || rec.PrevHash != prev {
				return fmt.Errorf("audit chain is broken at record %d", n+1)
			}
			n, prev = n+1, hash(v)
			return nil
		})
		if err != nil {
			return err
		}
		h, err := readHead(r)
		if err == nil && (h.Sequence != n || h.Hash != prev) {
			return fmt.Errorf("audit chain ends at record %d, its head says %d", n, h.Sequence)
		}
		return err
	})
	return n, err
}

func readHead(r store.Reader) (h head, err error) {
	b, err := r.Get(headKey())
	if errors.Is(err, store.ErrNotFound) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("read audit head: %w", err)
	}
	return h, json.Unmarshal(b, &h)
}

func headKey() []byte { return []byte("a/h") }

func key(sequence uint64) []byte { return binary.BigEndian.AppendUint64([]byte("a/e/"), sequence) }

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

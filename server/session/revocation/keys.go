package revocation

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Keys in the state store. Only entries have a time to live.
const (
	prefixLog    = "r/l/" // position, 8 bytes big endian -> Entry as JSON
	prefixHave   = "r/h/" // folded origin -> sequence up to which nothing is missing here
	prefixCursor = "r/c/" // folded partner -> cursor as JSON
	keyEnd       = "r/p"  // last position given
	keyOwn       = "r/s"  // last sequence of this data center
)

func keyLog(position uint64) []byte     { return append([]byte(prefixLog), bytesOf(position)...) }
func keyHave(origin string) []byte      { return []byte(prefixHave + origin) }
func keyCursor(partner string) []byte   { return []byte(prefixCursor + mdc.FoldName(partner)) }
func bytesOf(n uint64) []byte           { return binary.BigEndian.AppendUint64(nil, n) }
func positionOf(key []byte) uint64      { return binary.BigEndian.Uint64(key[len(prefixLog):]) }
func validPosition(key []byte) bool     { return len(key) == len(prefixLog)+8 }
func expired(e Entry, t time.Time) bool { return !e.ExpiresAt.After(t) }

// Forget makes a log that Open reads later ask every partner for all that it has, and send it all: what is here may have
// lost entries (FLT-07). The entries themselves stay.
func Forget(w store.Writer) error {
	var keys [][]byte
	for _, prefix := range []string{prefixHave, prefixCursor} {
		err := w.Range(store.Span{Prefix: []byte(prefix)}, func(k, _ []byte) error {
			keys = append(keys, k)
			return nil
		})
		if err != nil {
			return fmt.Errorf("forget what partners have: %w", err)
		}
	}
	for _, k := range keys {
		if err := w.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func number(v []byte) (uint64, error) {
	if len(v) != 8 {
		return 0, errors.New("read number: not 8 bytes")
	}
	return binary.BigEndian.Uint64(v), nil
}

// readNumber gives 0 for what was never written.
func readNumber(r store.Reader, key []byte) (uint64, error) {
	v, err := r.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return number(v)
}

func increase(w store.Writer, key string) (uint64, error) {
	n, err := readNumber(w, []byte(key))
	if err != nil {
		return 0, err
	}
	return n + 1, w.Put([]byte(key), bytesOf(n+1), 0)
}

// appendEntry puts e behind the last position. Positions are given inside transactions, so whoever sees one sees all before.
func appendEntry(w store.Writer, e Entry, now time.Time) (position uint64, err error) {
	if position, err = increase(w, keyEnd); err != nil {
		return 0, err
	}
	v, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("encode revocation: %w", err)
	}
	return position, w.Put(keyLog(position), v, e.life(now))
}

// rangeLog visits the entries behind a position.
func rangeLog(r store.Reader, after uint64, visit func(position uint64, e Entry) error) error {
	span := store.Span{Prefix: []byte(prefixLog)}
	if after > 0 {
		span.After = keyLog(after)
	}
	return r.Range(span, func(k, v []byte) error {
		if !validPosition(k) {
			return errors.New("read revocation log: malformed key")
		}
		e, err := decodeEntry(v)
		if err != nil {
			return err
		}
		return visit(positionOf(k), e)
	})
}

package badger

import (
	"encoding/binary"
	"errors"
	"time"
)

// A stored value starts with one byte for its form. The expiry stands in the value as well as in Badger's entry, because
// Badger has shown expired entries again (badger#2138).
const (
	formPlain    = 0 // the value follows
	formExpiring = 1 // 8 bytes, Unix seconds, big endian; then the value
	maxHeader    = 9
)

var errForm = errors.New("read value: unknown form; the database is damaged or written by a newer version")

// wrap copies value behind its header. expires is in Unix seconds, 0 = never.
func wrap(value []byte, expires int64) []byte {
	if expires == 0 {
		raw := make([]byte, 1+len(value))
		copy(raw[1:], value)
		return raw
	}
	raw := make([]byte, maxHeader+len(value))
	raw[0] = formExpiring
	binary.BigEndian.PutUint64(raw[1:], uint64(expires))
	copy(raw[maxHeader:], value)
	return raw
}

// unwrap gives the value, a part of raw that is never nil, and its expiry.
func unwrap(raw []byte) (value []byte, expires int64, err error) {
	switch {
	case len(raw) >= 1 && raw[0] == formPlain:
		return raw[1:len(raw):len(raw)], 0, nil
	case len(raw) >= maxHeader && raw[0] == formExpiring:
		return raw[maxHeader:len(raw):len(raw)], int64(binary.BigEndian.Uint64(raw[1:])), nil
	}
	return nil, 0, errForm
}

// expiry is the first whole Unix second that is ttl or more after t; 0 without a ttl. Badger cuts fractions off, so that
// 300 ms would be gone at once.
func expiry(t time.Time, ttl time.Duration) int64 {
	if ttl <= 0 {
		return 0
	}
	end := t.Add(ttl)
	if end.Nanosecond() > 0 {
		return end.Unix() + 1
	}
	return end.Unix()
}

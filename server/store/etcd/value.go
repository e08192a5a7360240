package etcd

import (
	"encoding/binary"
	"errors"
	"time"
)

// A stored value starts with its expiry: 8 bytes, Unix seconds, big endian, 0 = never. The lease that removes the key only
// follows it: etcd starts the time of all leases anew when its leader changes.
const header = 8

var errForm = errors.New("read value: unknown form; something else wrote to the prefix in etcd")

func wrap(value []byte, expires int64) []byte {
	raw := make([]byte, header+len(value))
	binary.BigEndian.PutUint64(raw, uint64(expires))
	copy(raw[header:], value)
	return raw
}

// unwrap gives the value, a part of raw that is never nil, and its expiry.
func unwrap(raw []byte) (value []byte, expires int64, err error) {
	if len(raw) < header {
		return nil, 0, errForm
	}
	return raw[header:len(raw):len(raw)], int64(binary.BigEndian.Uint64(raw)), nil
}

// expiry is the first whole Unix second that is ttl or more after t; 0 without a ttl.
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

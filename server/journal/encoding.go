package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// A record lies in the store as one byte for its form and then its fields in the order of Record: numbers as uvarints, all
// else with its length before it. JSON with the body in base64 was twice as long and took ten times as long to read, and
// every change is written once and read once a clone. Records of the former form begin with '{'.
const recordForm = 1

var errRecord = errors.New("decode record: it is damaged or written by a newer version")

func encodeRecord(rec Record) ([]byte, error) {
	at, err := rec.Time.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	b := make([]byte, 0, 96+len(rec.Actor)+len(rec.Kind)+len(rec.Name)+len(rec.Body)+len(rec.Digest))
	b = binary.AppendUvarint(append(b, recordForm), rec.Sequence)
	b = binary.AppendUvarint(b, rec.Epoch.Number)
	for _, part := range []string{rec.Epoch.ClusterID, string(at), rec.Actor, rec.Kind, rec.Name, rec.Operation} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	b = append(binary.AppendUvarint(b, uint64(len(rec.Body))), rec.Body...)
	return append(binary.AppendUvarint(b, uint64(len(rec.Digest))), rec.Digest...), nil
}

// decodeRecord reads either form. Body is a part of b.
func decodeRecord(b []byte) (rec Record, err error) {
	if len(b) > 0 && b[0] == '{' {
		if err := json.Unmarshal(b, &rec); err != nil {
			return rec, fmt.Errorf("decode record: %w", err)
		}
		return rec, nil
	}
	if len(b) == 0 || b[0] != recordForm {
		return rec, errRecord
	}
	f := fields{rest: b[1:]}
	rec.Sequence, rec.Epoch = f.number(), mdc.Epoch{Number: f.number(), ClusterID: string(f.part())}
	at := f.part()
	rec.Actor, rec.Kind, rec.Name, rec.Operation = string(f.part()), string(f.part()), string(f.part()), string(f.part())
	rec.Body, rec.Digest = f.part(), string(f.part())
	if len(rec.Body) == 0 {
		rec.Body = nil
	}
	var t time.Time
	if f.short || len(f.rest) > 0 || t.UnmarshalBinary(at) != nil {
		return rec, errRecord
	}
	rec.Time = t
	return rec, nil
}

// fields reads one after the other; short says that there were too few bytes.
type fields struct {
	rest  []byte
	short bool
}

func (f *fields) number() uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.short = true
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) part() []byte {
	n := f.number()
	if f.short || n > uint64(len(f.rest)) {
		f.short = true
		return nil
	}
	part := f.rest[:n:n]
	f.rest = f.rest[n:]
	return part
}

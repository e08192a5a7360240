package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/prefixed"
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
		b = prefixed.Append(b, part)
	}
	return prefixed.Append(prefixed.Append(b, rec.Body), rec.Digest), nil
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
	f := prefixed.Reader{Rest: b[1:]}
	rec.Sequence, rec.Epoch = f.Number(), mdc.Epoch{Number: f.Number(), ClusterID: f.Text()}
	at := f.Bytes()
	rec.Actor, rec.Kind, rec.Name, rec.Operation = f.Text(), f.Text(), f.Text(), f.Text()
	rec.Body, rec.Digest = f.Bytes(), f.Text()
	var t time.Time
	if !f.Done() || t.UnmarshalBinary(at) != nil {
		return rec, errRecord
	}
	rec.Time = t
	return rec, nil
}

package journal

import (
	"encoding/json"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Operations of a record.
const (
	Put    = "put"
	Delete = "delete"
)

// Record is one change of a replicated object.
type Record struct {
	Sequence  uint64    `json:"sequence"`
	Epoch     mdc.Epoch `json:"epoch"`
	Time      time.Time `json:"time"`
	Actor     string    `json:"actor"`
	Kind      string    `json:"kind"`
	Name      string    `json:"name"` // the key spelling
	Operation string    `json:"operation"`
	Body      []byte    `json:"body,omitempty"` // canonical form; wrapped at rest for secret kinds, plain in a Record that is handed out
	Digest    string    `json:"digest"`         // of the state after this change
}

// Item is one object of a snapshot. Body is the plain canonical form.
type Item struct {
	Kind string
	Name string
	Body []byte
}

// position is what is kept under PositionKey. Base is where the generation's journal starts: the sequence of the snapshot
// it came from, which no record stands for. Without it a digest at exactly that sequence could not be told.
type position struct {
	mdc.Position
	Generation uint64 `json:"generation"`
	Base       uint64 `json:"base"`
	BaseDigest string `json:"base_digest"`
	Edits      uint64 `json:"edits,omitempty"` // objects that this clone holds otherwise than its master
	Local      string `json:"local,omitempty"` // digest of the local objects; "" = written by an earlier version
}

func readPosition(b []byte) (p position, err error) {
	err = json.Unmarshal(b, &p)
	return p, err
}

// Wrapper encrypts what must not lie on the disk in clear; context binds a value to its place. The node's key does it.
type Wrapper interface {
	Wrap(plain, context []byte) ([]byte, error)
	Unwrap(wrapped, context []byte) ([]byte, error)
}

func wrapContext(kind, name string) []byte { return []byte("journal\x00" + kind + "\x00" + name) }

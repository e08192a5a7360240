package store

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound says that no value is kept under a key.
var ErrNotFound = errors.New("store: key not found")

// ErrStop, returned from a Range visit, ends the range without an error.
var ErrStop = errors.New("store: stop")

// ErrClosed says that the store is closed or closing.
var ErrClosed = errors.New("store: closed")

// ErrTooLarge says that one transaction exceeds Limits.
var ErrTooLarge = errors.New("store: transaction too large")

// ErrCompacted says that the revision a watch wants to start from is no longer kept; read the state anew and watch from now.
var ErrCompacted = errors.New("store: revision compacted")

// Revision numbers the committed transactions of one store, ascending; one process's revisions mean nothing to another store.
type Revision uint64

// Limits of one transaction. Callers that apply a lot at once split by half of Bytes.
type Limits struct {
	Ops   int // writes in a transaction
	Bytes int // sum of key and value lengths
}

// Span is a range of keys: those that start with Prefix and are greater than After (when After is not empty).
type Span struct {
	Prefix  []byte
	After   []byte // exclusive; a whole key, not a suffix
	Reverse bool   // descending; After is then an exclusive upper bound
}

// Reader reads one consistent snapshot. Values may be kept by the caller; they are never changed later.
type Reader interface {
	// Get gives the value under key, or ErrNotFound.
	Get(key []byte) ([]byte, error)
	// Range visits keys and values in order until visit returns an error; ErrStop ends it without one. Keys and values
	// may be kept. The visit must not write to the transaction.
	Range(s Span, visit func(key, value []byte) error) error
}

// Writer reads and writes in one transaction; it sees its own writes.
type Writer interface {
	Reader
	// Put sets key to value. It keeps neither slice: the caller may change them afterwards. A ttl above zero lets it expire,
	// rounded up to whole seconds; 0 keeps it for ever; one below zero is refused: it comes from a time that is past, and what
	// should be gone must not stay for ever.
	Put(key, value []byte, ttl time.Duration) error
	// Delete removes key; deleting what is absent is no error.
	Delete(key []byte) error
}

// Event is one key that a committed transaction changed.
type Event struct {
	Revision Revision
	Key      []byte
	Value    []byte // nil when deleted
}

// Store is what keeps data. All methods are safe for concurrent use.
type Store interface {
	// View runs fn on a snapshot. It may hold a commit whose writer is not answered yet; such a commit is durable.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn and commits its writes durably; nil means they are on stable storage. An error from fn drops the
	// writes and is returned as it is. fn may run more than once and must have no side effects; it must not block.
	// ErrTooLarge when the writes exceed Limits.
	Update(ctx context.Context, fn func(Writer) error) error
	// Revision gives the revision of a state that holds everything committed before the call: who reads the state after it
	// and watches from it misses nothing. It is above 0.
	Revision(ctx context.Context) (Revision, error)
	// Watch calls fn, in commit order and on one goroutine, with the events of each later transaction that changed keys
	// under prefix, starting after revision from (0 = from now). It returns when ctx ends, with nil; or when fn returns
	// an error, with it; or with ErrCompacted when it cannot give every event since from, or when the reader is too slow.
	Watch(ctx context.Context, prefix []byte, from Revision, fn func([]Event) error) error
	// Limits are the bounds of one transaction.
	Limits() Limits
	// Close waits for what was queued and releases the files. Later calls give ErrClosed.
	Close() error
}

// Record is a key as a store keeps it.
type Record struct {
	Key, Value []byte
	Expires    int64 // Unix seconds; 0 = never
}

// Copier is what a store offers to be copied as it is, the ends of the times to live included.
type Copier interface {
	Store
	// Dump visits every record in ascending order, but for those that have expired.
	Dump(ctx context.Context, visit func(Record) error) error
	// Load writes records in one transaction. ErrTooLarge as with Update.
	Load(ctx context.Context, records []Record) error
}

package configuration

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Guard is a rule of one kind that needs more than the object: it sees the transaction, the object as it was (nil when
// new) and as it shall be (nil when deleted), and refuses with a fault. It writes nothing
// but what cannot stay without the object.
type Guard func(tx *journal.Tx, was, will mdc.Object) error

// Config wires a Service.
type Config struct {
	Log       *journal.Log
	Audit     *audit.Log
	ClusterID string
	Hash      func(ctx context.Context, plain string) (string, error) // for write-only values; slow by design
	Master    func() string                                           // address of the master's admin listener, "" when not known
	Guards    map[string]Guard                                        // by kind
	Clock     clock.Clock                                             // decides when a lock ends; nil = the machine's
	Before    map[string]Before                                       // by kind; a kind without one needs nothing
	Site      func(host string) (place, wider string)                 // where hosts of applications meet, as of policy.Site; nil = nobody decides by hosts
	Wrapper   journal.Wrapper                                         // the node's key, for passphrases; nil = none can be declared
}

// Before does what must be durable before an object that exists changes. Both see the object as it was and as it shall be
// (nil when deleted).
type Before struct {
	// Needs says whether there is anything to do. It is asked inside of the transaction and only computes.
	Needs func(was, will mdc.Object) bool
	// Do does it, outside of the transaction, which may still fail. It may run again, and for several objects at once.
	Do func(ctx context.Context, was, will mdc.Object) error
}

// Wanting is a guard's refusal that something outside of the transaction may lift: Do is called once for each Key, and the change is judged again. Then,
// and for who knows no better, it is Err.
type Wanting struct {
	Key string
	Do  func(ctx context.Context) error
	Err error
}

// Error is Err's.
func (w *Wanting) Error() string { return w.Err.Error() }

// Unwrap gives Err.
func (w *Wanting) Unwrap() error { return w.Err }

// Service is the one way to change configuration.
type Service struct{ c Config }

// New refuses bad wiring.
func New(c Config) (*Service, error) {
	if c.Log == nil || c.Audit == nil || c.Hash == nil || c.Master == nil {
		return nil, errors.New("new configuration service: log, audit, hash and master are needed")
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	return &Service{c}, nil
}

// Outcome is what a write did to an object.
type Outcome string

// Outcomes.
const (
	Created   Outcome = "created"
	Changed   Outcome = "changed"
	Unchanged Outcome = "unchanged" // it was so already: no record, no audit
	Deleted   Outcome = "deleted"
)

// Result is an object with its ETag.
type Result struct {
	Object     mdc.Object // nil when deleted
	Body       []byte     // its canonical form, where it is at hand; the object counts
	ETag       string     // strong, quoted, the same in every data center for the same content; of what is stored, not of an override
	Outcome    Outcome    // of a write; "" of a read
	Overridden []string   // JSON pointers of the fields that an override gives in this data center
}

// Actor is who asks, for journal and audit, and what he may do. The zero value may do nothing.
type Actor struct {
	Name      string
	RequestID string
	Address   string // that it came from; "" = not known
	Rights    mdc.Rights
}

// Get gives one object as it is stored. fault.NotFound, also where the actor may not read it but may read others of the kind;
// fault.Forbidden where he may read none.
func (s *Service) Get(ctx context.Context, actor Actor, kind mdc.Kind, name string) (Result, error) {
	return s.get(ctx, actor, kind, name, stored)
}

// Effective is Get with this data center's override laid over the object, when it has one that fits.
func (s *Service) Effective(ctx context.Context, actor Actor, kind mdc.Kind, name string) (Result, error) {
	return s.get(ctx, actor, kind, name, laid)
}

// List gives up to limit objects as they are stored whose keys come after `after`, and the key to go on with ("" at the end). Those
// that the actor may not read are left out, and a page may be short for that.
func (s *Service) List(ctx context.Context, actor Actor, kind mdc.Kind, after string, limit int) ([]Result, string, error) {
	return s.list(ctx, actor, kind, listing{after, limit, stored})
}

// ListEffective is List with this data center's overrides laid over the objects.
func (s *Service) ListEffective(ctx context.Context, actor Actor, kind mdc.Kind, after string, limit int) ([]Result, string, error) {
	return s.list(ctx, actor, kind, listing{after, limit, laid})
}

// reading makes a result of an object's stored body.
type reading func(v *journal.Snapshot, kind mdc.Kind, key string, o mdc.Object) (Result, error)

func stored(_ *journal.Snapshot, kind mdc.Kind, _ string, o mdc.Object) (Result, error) {
	return result(kind, o)
}

func (s *Service) get(ctx context.Context, actor Actor, kind mdc.Kind, name string, read reading) (res Result, err error) {
	if err := actor.MayTouch(mdc.ActionRead, kind, name); err != nil {
		return res, err
	}
	err = s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		o, err := v.Get(kind, name)
		if err != nil {
			return err
		}
		sees, err := actor.may(v, mdc.ActionRead, kind, o)
		if err != nil {
			return err
		}
		if !sees && kind.Singleton {
			return Forbidden(mdc.ActionRead, kind.Name)
		}
		if !sees { // word by word what a name that nobody has is answered with
			return journal.NotFound(kind, name)
		}
		res, err = read(v, kind, kind.Key(name), o)
		return err
	})
	return res, err
}

// listing is which part of a list is asked for, and how.
type listing struct {
	after string
	limit int
	read  reading
}

// maxSkipped is how many objects that the actor may not read one page looks at.
const maxSkipped = 10_000

func (s *Service) list(ctx context.Context, actor Actor, kind mdc.Kind, l listing) (out []Result, next string, err error) {
	err = s.c.Log.View(ctx, func(v *journal.Snapshot) error {
		out, next = nil, ""
		last, skipped := "", 0
		return v.Range(kind, l.after, func(key string, body []byte) error {
			if len(out) == l.limit || skipped == maxSkipped {
				next = last
				return store.ErrStop
			}
			last = key
			o, err := kind.Decode(body)
			if err != nil {
				return err
			}
			sees, err := actor.may(v, mdc.ActionRead, kind, o)
			if err != nil {
				return err
			}
			if !sees {
				skipped++
				return nil
			}
			res, err := l.read(v, kind, key, o)
			out = append(out, res)
			return err
		})
	})
	return out, next, err
}

func result(kind mdc.Kind, o mdc.Object) (Result, error) {
	b, err := mdc.Encode(o)
	if err != nil {
		return Result{}, err
	}
	return Result{Object: o, Body: b, ETag: tagOf(kind, b)}, nil
}

// ETag is the strong, quoted tag of an object: a hash of its canonical form, the same in every data center.
func ETag(kind mdc.Kind, o mdc.Object) (string, error) {
	b, err := mdc.Encode(o)
	if err != nil {
		return "", err
	}
	return tagOf(kind, b), nil
}

func tagOf(kind mdc.Kind, body []byte) string {
	sum := sha256.Sum256(slices.Concat([]byte(kind.Name), []byte{0}, body))
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
}

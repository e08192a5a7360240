package revocation

import (
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Kinds of entries.
const (
	KindSSO           = "sso"             // ends one sign-on; Key is its sso id
	KindUserNotBefore = "user_not_before" // ends all sign-ons of a user authenticated at At or before; Key is UserKey
)

const (
	// Skew is how far ahead another data center's clock may be (FLT-09).
	Skew = 30 * time.Second
	// MaxLifetime is the longest absolute lifetime that a session policy may give.
	MaxLifetime = 30 * 24 * time.Hour
	// MaxBatch is the largest number of entries in one message.
	MaxBatch = 500
)

// Entry is one revocation.
type Entry struct {
	Origin    string    `json:"origin"`   // cluster id that made it
	Sequence  uint64    `json:"sequence"` // of the origin, without gaps, from 1
	Kind      string    `json:"kind"`
	Key       string    `json:"key"`
	At        time.Time `json:"at"`
	ExpiresAt time.Time `json:"expires_at"` // of the last session it can end, and Skew
}

// Batch goes from one data center to another. After and Through are about the sender's own entries only: these are all
// of mine with After < sequence <= Through that have not expired. Entries of other origins are relayed.
type Batch struct {
	After   uint64
	Through uint64
	Entries []Entry
	Next    uint64 // in the answer to a pull: ask again with this position; 0 = that was all
}

// Pull asks for what the caller lacks.
type Pull struct {
	Have  map[string]uint64 // by origin
	After uint64            // 0, or Next of the last answer
}

// UserKey names a user in KindUserNotBefore. Names have no slash, so it is unambiguous.
func UserKey(identityStore, user string) string { return identityStore + "/" + mdc.FoldName(user) }

// sound checks an entry from outside and pulls its times into what a right clock can have made: a partner must not be able
// to lock a user out for years. Earlier than the origin meant is never a hole: no session can be authenticated that late.
func (e *Entry) sound(now time.Time) bool {
	if !mdc.ValidClusterID(e.Origin) || e.Sequence == 0 || len(e.Key) > 2*mdc.MaxName+1 {
		return false
	}
	if latest := now.Add(Skew); e.At.After(latest) {
		e.At = latest
	}
	if latest := now.Add(MaxLifetime + 2*Skew); e.ExpiresAt.After(latest) {
		e.ExpiresAt = latest
	}
	switch e.Kind {
	case KindSSO:
		return len(e.Key) == 22 && !strings.ContainsAny(e.Key, "/ ")
	case KindUserNotBefore:
		store, user, ok := strings.Cut(e.Key, "/")
		return ok && mdc.ValidName(store) && mdc.ValidName(user) && mdc.FoldName(user) == user
	}
	return false
}

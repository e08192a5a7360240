package backchannel

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Used says that a sign-on reached an agent here.
type Used struct {
	SSOID           mdc.SSOID `json:"sso_id"`
	Agent           string    `json:"agent"`
	Store           string    `json:"identity_store"`
	User            string    `json:"user"`
	AuthenticatedAt time.Time `json:"authenticated_at"`
	ExpiresAt       time.Time `json:"expires_at"` // absolute expiry of the sign-on
}

// Call is one thing to tell one agent.
type Call struct {
	ID       string    `json:"id"` // the same when it is repeated
	Agent    string    `json:"agent"`
	SSOID    mdc.SSOID `json:"sso_id"`
	User     string    `json:"user"`
	At       time.Time `json:"at"` // when it was first due
	Attempts int       `json:"attempts,omitempty"`
}

const (
	prefixUsed = "g/" // sso id / agent -> Used
	prefixUser = "w/" // identity store / user / sso id / agent
	prefixCall = "k/" // agent / when, in ms, and id -> Call
)

func keyUsed(sso mdc.SSOID, agent string) []byte {
	return []byte(prefixUsed + string(sso) + "/" + agent)
}

func (u *Used) userKey() string { return revocation.UserKey(u.Store, u.User) }

func (u *Used) keyUser() []byte {
	return []byte(prefixUser + u.userKey() + "/" + string(u.SSOID) + "/" + u.Agent)
}

func callsOf(agent string) []byte { return []byte(prefixCall + agent + "/") }

func (c *Call) key(due time.Time) []byte {
	return append(binary.BigEndian.AppendUint64(callsOf(c.Agent), uint64(max(due.UnixMilli(), 0))), c.ID...) //nolint:gosec // not negative
}

func put(w store.Writer, key []byte, v any, life time.Duration) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", key[:2], err)
	}
	return w.Put(key, b, max(life, time.Second))
}

func (u *Used) write(w store.Writer, now time.Time) error {
	life := u.ExpiresAt.Sub(now) + revocation.Skew
	if err := put(w, keyUsed(u.SSOID, u.Agent), u, life); err != nil {
		return err
	}
	return w.Put(u.keyUser(), []byte{1}, max(life, time.Second))
}

// usedBy reads which agents a sign-on used.
func usedBy(r store.Reader, sso string) (all []Used, err error) {
	return usedUnder(r, prefixUsed+sso+"/")
}

func usedUnder(r store.Reader, prefix string) (all []Used, err error) {
	err = r.Range(store.Span{Prefix: []byte(prefix)}, func(_, v []byte) error {
		var u Used
		if err := json.Unmarshal(v, &u); err != nil {
			return fmt.Errorf("decode which agents a sign-on used: %w", err)
		}
		all = append(all, u)
		return nil
	})
	return all, err
}

// signOnsOf reads a user's sign-ons that used an agent.
func signOnsOf(r store.Reader, userKey string) (ssos []string, err error) {
	prefix := prefixUser + userKey + "/"
	err = r.Range(store.Span{Prefix: []byte(prefix)}, func(k, _ []byte) error {
		if sso, _, ok := strings.Cut(string(k[len(prefix):]), "/"); ok && (len(ssos) == 0 || ssos[len(ssos)-1] != sso) {
			ssos = append(ssos, sso)
		}
		return nil
	})
	return ssos, err
}

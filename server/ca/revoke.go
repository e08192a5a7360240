package ca

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	revocationPrefix = "ca/v/" // serial -> Revocation
	// revocationGrace keeps a revoked serial on the list for a while after its certificate's end (RFC 5280 section 3.3).
	revocationGrace = time.Hour
	maxSerials      = 200 // in one request, and in one transaction
	maxIdentity     = 300
)

// Withdrawal says what is to be revoked: some serials, or all that an identity has, or all that a node of this data center
// has. Exactly one of the three is given. An identity that is revoked is also kept from renewing until an administrator
// issues it a certificate again.
type Withdrawal struct {
	Serials  []string
	Identity string // a URI of this data center; of a web server, its first name
	Node     string
	Reason   Reason // "" = unspecified
}

// revoked is what this process knows of revocations; the store has the same.
type revoked struct {
	mu      sync.RWMutex
	by      map[string]Revocation
	changed chan struct{} // closed at the next change
}

// Revoked says whether the certificate of this serial was revoked. It is asked for each connection and request of a caller
// whose certificate is of this data center; it reads memory only, and knows of a revocation before Revoke has returned.
func (a *Authority) Revoked(serial *big.Int) bool {
	if serial == nil {
		return true
	}
	a.revoked.mu.RLock()
	defer a.revoked.mu.RUnlock()
	_, found := a.revoked.by[SerialText(serial)]
	return found
}

// RevocationsChanged gives a channel that is closed when the next certificate is revoked. Ask for it before looking at what
// is revoked, so that nothing falls in between.
func (a *Authority) RevocationsChanged() <-chan struct{} {
	a.revoked.mu.RLock()
	defer a.revoked.mu.RUnlock()
	return a.revoked.changed
}

// Revocations are all that are in force, by serial.
func (a *Authority) Revocations() []Revocation {
	a.revoked.mu.RLock()
	defer a.revoked.mu.RUnlock()
	out := make([]Revocation, 0, len(a.revoked.by))
	for _, r := range a.revoked.by {
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y Revocation) int { return strings.Compare(x.Serial, y.Serial) })
	return out
}

func (a *Authority) loadRevocations(ctx context.Context) error {
	a.revoked.by, a.revoked.changed = map[string]Revocation{}, make(chan struct{})
	return a.config.Store.View(ctx, func(r store.Reader) error {
		return r.Range(store.Span{Prefix: []byte(revocationPrefix)}, func(_, value []byte) error {
			var end Revocation
			if err := json.Unmarshal(value, &end); err != nil {
				return fmt.Errorf("decode revocation: %w", err)
			}
			a.revoked.by[end.Serial] = end
			return nil
		})
	})
}

// Revoke ends certificates for good and gives their records. When it returns without an error, or with one that says the
// backend could not be told, the revocation is on stable storage and in force in this process. Certificates that ended
// already, by revocation or by time, stay as they are. It may be repeated.
func (a *Authority) Revoke(ctx context.Context, by Actor, d Withdrawal) ([]Record, error) {
	owner, serials, err := a.checkWithdrawal(&d)
	if err != nil {
		return nil, err
	}
	var out []Record
	for done := false; !done; {
		var step []Record
		var ends []Revocation
		err := a.config.Store.Update(ctx, func(w store.Writer) (err error) {
			step, ends, done, err = a.withdraw(w, by, d.Reason, owner, serials)
			return err
		})
		if err != nil {
			return out, fmt.Errorf("revoke certificates: %w", err)
		}
		out = append(out, step...)
		if err := a.enforce(ctx, ends); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (a *Authority) checkWithdrawal(d *Withdrawal) (owner string, serials []string, err error) {
	if d.Reason == "" {
		d.Reason = ReasonUnspecified
	}
	if !slices.Contains(Reasons(), d.Reason) {
		return "", nil, invalidWithdrawal("/reason", "has to be unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation or privilege_withdrawn")
	}
	given := 0
	for _, is := range []bool{len(d.Serials) > 0, d.Identity != "", d.Node != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		return "", nil, invalidWithdrawal("", "has to name exactly one of serials, identity and node")
	}
	if d.Node != "" {
		if !ProfileNode.validName(d.Node) {
			return "", nil, invalidWithdrawal("/node", ProfileNode.nameRule())
		}
		return Identity(a.config.ClusterID, ProfileNode, d.Node), nil, nil
	}
	if d.Identity != "" {
		return d.Identity, nil, a.checkIdentity(d.Identity)
	}
	return a.checkSerials(d.Serials)
}

func (a *Authority) checkSerials(given []string) (string, []string, error) {
	if len(given) > maxSerials {
		return "", nil, invalidWithdrawal("/serials", "has more than 200 entries; revoke them in several requests")
	}
	var out []string
	for _, s := range given {
		clean, err := ParseSerial(s)
		if err != nil {
			return "", nil, err
		}
		out = append(out, clean)
	}
	return "", out, nil
}

// checkIdentity takes a URI that this authority could issue, or a web server's name.
func (a *Authority) checkIdentity(id string) error {
	if len(id) > maxIdentity {
		return invalidWithdrawal("/identity", "is too long")
	}
	for _, p := range Profiles() {
		if name, found := strings.CutPrefix(id, Identity(a.config.ClusterID, p, "")); found && p.validName(name) {
			return nil
		}
	}
	if name, ok := webName(id); ok && name == id {
		return nil
	}
	return invalidWithdrawal("/identity", "has to be spiffe://"+strings.ToLower(a.config.ClusterID)+"/node, /agent or /admin with a name, or a web server's name in lower case")
}

func invalidWithdrawal(pointer, detail string) error {
	return fault.InvalidFields("The revocation cannot be accepted.", []fault.Field{{Pointer: pointer, Detail: detail}})
}

// withdraw is one transaction of Revoke. For an owner it blocks the identity first and takes maxSerials at a time.
func (a *Authority) withdraw(w store.Writer, by Actor, reason Reason, owner string, serials []string) (out []Record, ends []Revocation, done bool, err error) {
	if owner != "" {
		if err := a.block(w, by, owner); err != nil {
			return nil, nil, false, err
		}
		if serials, err = owned(w, owner); err != nil {
			return nil, nil, false, err
		}
	}
	for _, serial := range serials {
		rec, err := getRecord(w, serial)
		if owner != "" && fault.Is(err, fault.NotFound) {
			continue // its entry lives a moment longer
		}
		if err != nil {
			return nil, nil, false, err
		}
		if rec.Status(a.config.Clock.Now()) != StatusValid {
			if owner == "" {
				out = append(out, rec)
			}
			continue
		}
		if len(ends) == maxSerials {
			return out, ends, false, nil
		}
		end, err := a.end(w, rec, reason)
		if err != nil {
			return nil, nil, false, err
		}
		rec.RevokedAt, rec.Reason = end.At, end.Reason
		out, ends = append(out, rec), append(ends, end)
		if err := a.note(w, act{by: by, action: "revoke"}, "certificate/"+rec.Serial+" "+rec.Identity); err != nil {
			return nil, nil, false, err
		}
	}
	return out, ends, true, nil
}

// block keeps an identity from renewing. It outlives every certificate that the identity can have.
func (a *Authority) block(w store.Writer, by Actor, identity string) error {
	if _, err := w.Get([]byte(blockPrefix + identity)); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := w.Put([]byte(blockPrefix+identity), []byte("1"), maxLeafTTL+recordGrace); err != nil {
		return err
	}
	return a.note(w, act{by: by, action: "block"}, "identity/"+identity)
}

// lift takes the block of an identity away. Most have none, and nothing is written for them.
func lift(w store.Writer, identity string) error {
	_, err := w.Get([]byte(blockPrefix + identity))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.Delete([]byte(blockPrefix + identity))
}

// end writes the revocation of rec into its record and beside it.
func (a *Authority) end(w store.Writer, rec Record, reason Reason) (Revocation, error) {
	now := a.config.Clock.Now().UTC().Truncate(time.Second)
	end := Revocation{Serial: rec.Serial, Reason: reason, At: now, NotAfter: rec.NotAfter}
	raw, err := json.Marshal(end)
	if err != nil {
		return Revocation{}, fmt.Errorf("encode revocation: %w", err)
	}
	if err := w.Put([]byte(revocationPrefix+rec.Serial), raw, max(rec.NotAfter.Sub(now), 0)+revocationGrace); err != nil {
		return Revocation{}, err
	}
	rec.RevokedAt, rec.Reason = end.At, end.Reason
	return end, a.putRecord(w, rec)
}

// enforce brings recorded revocations into force: in this process first, then at the backend, in the list, and for the
// leaves of this node.
func (a *Authority) enforce(ctx context.Context, ends []Revocation) error {
	if len(ends) == 0 {
		return nil
	}
	a.revoked.mu.Lock()
	for _, end := range ends {
		a.revoked.by[end.Serial] = end
	}
	close(a.revoked.changed)
	a.revoked.changed = make(chan struct{})
	a.revoked.mu.Unlock()
	err := a.backend.Revoke(ctx, ends)
	if err != nil {
		err = fmt.Errorf("tell the authority of revocations: %w", err)
	}
	if err := a.refreshList(ctx); err != nil {
		a.config.Logger.WarnContext(ctx, "revocation list not made; it is tried again", "error", err)
	}
	if err := a.replaceRevoked(ctx); err != nil {
		a.config.Logger.WarnContext(ctx, "a revoked certificate of this node is not replaced yet; it is tried again", "error", err)
	}
	return err
}

// replaceRevoked issues the leaves of this node that were revoked anew, at once.
func (a *Authority) replaceRevoked(ctx context.Context) error {
	var failed []error
	for _, l := range a.own {
		if c := a.current(l).Load(); c != nil && a.Revoked(c.Leaf.SerialNumber) {
			failed = append(failed, a.issue(ctx, l))
		}
	}
	return errors.Join(failed...)
}

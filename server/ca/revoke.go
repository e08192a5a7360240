package ca

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// withdrawal is a checked Withdrawal.
type withdrawal struct {
	by      Actor
	reason  Reason
	owner   string   // identity; "" = the serials
	serials []string // as records spell them
}

// Revoke ends certificates for good and gives their records. When it returns without an error, or with one that says the
// backend could not be told, the revocation is on stable storage and in force in this process. Certificates that ended
// already, by revocation or by time, stay as they are. It may be repeated.
func (a *Authority) Revoke(ctx context.Context, by Actor, d Withdrawal) ([]Record, error) {
	checked, err := a.checkWithdrawal(by, d)
	if err != nil {
		return nil, err
	}
	var out []Record
	for {
		var step batch
		err := a.config.Store.Update(ctx, func(w store.Writer) (err error) {
			step, err = a.withdraw(w, checked)
			return err
		})
		if err != nil {
			return out, fmt.Errorf("revoke certificates: %w", err)
		}
		out = append(out, step.records...)
		if err := a.enforce(ctx, step.ends); err != nil || !step.more {
			return out, err
		}
	}
}

func (a *Authority) checkWithdrawal(by Actor, d Withdrawal) (withdrawal, error) {
	out := withdrawal{by: by, reason: d.Reason}
	if d.Reason == "" {
		out.reason = ReasonUnspecified
	}
	if !slices.Contains(Reasons(), out.reason) {
		return out, invalidWithdrawal("/reason", "has to be unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation or privilege_withdrawn")
	}
	var err error
	switch {
	case len(d.Serials) > 0 && d.Identity == "" && d.Node == "":
		out.serials, err = checkSerials(d.Serials)
	case len(d.Serials) == 0 && d.Identity != "" && d.Node == "":
		out.owner, err = d.Identity, a.checkIdentity(d.Identity)
	case len(d.Serials) == 0 && d.Identity == "" && ProfileNode.validName(d.Node):
		out.owner = Identity(a.config.ClusterID, ProfileNode, d.Node)
	case len(d.Serials) == 0 && d.Identity == "" && d.Node != "":
		err = invalidWithdrawal("/node", ProfileNode.nameRule())
	default:
		err = invalidWithdrawal("", "has to name exactly one of serials, identity and node")
	}
	return out, err
}

func checkSerials(given []string) ([]string, error) {
	if len(given) > maxSerials {
		return nil, invalidWithdrawal("/serials", "has more than 200 entries; revoke them in several requests")
	}
	var out []string
	for _, s := range given {
		clean, err := ParseSerial(s)
		if err != nil {
			return nil, err
		}
		out = append(out, clean)
	}
	return out, nil
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

// batch is what one transaction of a revocation did.
type batch struct {
	records []Record
	ends    []Revocation
	more    bool // there are certificates left for another one
}

// withdraw is one transaction of Revoke. For an owner it blocks the identity first, so that nothing new comes after what it
// ends; it takes maxSerials at a time.
func (a *Authority) withdraw(w store.Writer, d withdrawal) (out batch, err error) {
	if d.owner != "" {
		if err := a.block(w, d.by, d.owner); err != nil {
			return out, err
		}
		if d.serials, err = owned(w, d.owner); err != nil {
			return out, err
		}
	}
	for _, serial := range d.serials {
		rec, err := getRecord(w, serial)
		if d.owner != "" && fault.Is(err, fault.NotFound) {
			continue // its entry lives a moment longer
		}
		if err != nil {
			return out, err
		}
		if valid := rec.Status(a.config.Clock.Now()) == StatusValid; valid && len(out.ends) == maxSerials {
			out.more = true
			return out, nil
		} else if valid {
			err = a.withdrawOne(w, d, rec, &out)
		} else if d.owner == "" {
			out.records = append(out.records, rec)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func (a *Authority) withdrawOne(w store.Writer, d withdrawal, rec Record, out *batch) error {
	end, err := a.end(w, rec, d.reason)
	if err != nil {
		return err
	}
	rec.RevokedAt, rec.Reason = end.At, end.Reason
	out.records, out.ends = append(out.records, rec), append(out.ends, end)
	return a.note(w, act{by: d.by, action: "revoke"}, "certificate/"+rec.Serial+" "+rec.Identity)
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

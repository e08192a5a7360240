package configuration

import (
	"crypto/rand"
	"crypto/subtle"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// credential is the value that comes with an object, to be written in the same transaction.
type credential struct {
	kind  mdc.Kind
	value *mdc.StoreCredential // nil: it stays as it is
	had   bool                 // the object as it was has one
	has   bool                 // and as it shall be
}

// keep marks a credential that comes in, and keeps the mark of the old one where the object brings none. The value that is
// kept already is no change: an apply that is made again changes nothing.
func (p *pass) keep(was, will mdc.Object) (c credential, err error) {
	holder, ok := will.(mdc.CredentialHolder)
	if !ok {
		return c, nil
	}
	value, kind := holder.Kept()
	c.kind = kind
	mark := ""
	if old, ok := was.(mdc.CredentialHolder); ok && was != nil {
		v, _ := old.Kept()
		mark = v.Mark
	}
	c.had = mark != ""
	plain, comes := value.Plain()
	given := comes
	if comes && c.had {
		same, err := p.holds(kind, will.ObjectName(), plain)
		if err != nil {
			return c, err
		}
		comes = !same
	}
	if comes {
		c.value = &mdc.StoreCredential{Store: will.ObjectName(), Password: plain, Salt: make([]byte, 16)}
		_, _ = rand.Read(c.value.Salt) // it never fails
		mark = rand.Text()
	}
	value.Mark = mark // the plain text stays: the transaction may run again
	will.Normalize()  // which may find that there is no use for it
	c.has = value.Mark != ""
	if c.had && c.has && !given && holder.SentElsewhere(was) {
		return c, askAgain("The " + mdc.IdentityStoreKind().Name + " cannot be accepted without its password.")
	}
	return c, nil
}

// askAgain refuses a change by which a value that is kept would be sent to others: who makes it has to know the value, or could have
// it sent to a server of his own (SEC-61, SEC-68).
func askAgain(message string) error {
	return fault.InvalidFields(message, []fault.Field{{Pointer: "/" + mdc.CredentialField, Detail: "is needed once more: with this change other servers get it, or servers that are believed for less. Give it beside the change"}})
}

// disclosed refuses an override by which the value that is kept beside its object would be sent to others, unless the override shows
// that value. What the object as it is stored, or the override that lies there, does already was permitted to somebody.
func (p *pass) disclosed(override *mdc.Override) error {
	kind, _ := mdc.KindByName(override.Kind)
	body, found, err := p.tx.Body(kind, override.Name)
	if err != nil || !found {
		return err
	}
	stored, err := kind.Decode(body)
	if err != nil {
		return err
	}
	laid, faults, err := override.Lay(kind, body)
	holder, ok := laid.(mdc.CredentialHolder)
	if err != nil || len(faults) > 0 || !ok { // another check words them
		return err
	}
	edited, err := p.tx.Edited(kind, override.Name)
	if err != nil {
		return err
	}
	if edited { // without the edit it may send what it does not with it
		return fault.New(fault.Conflict, "edited_here", "The %s %s was changed on this clone; discard that, or take it over at the master, before something is laid over it.", kind.Name, override.Name)
	}
	value, secrets := holder.Kept()
	if value.Mark == "" || !holder.SentElsewhere(stored) {
		return nil
	}
	same, err := p.laidAlready(kind, override, body, holder)
	if err != nil || same {
		return err
	}
	plain, comes := override.BindPassword.Plain()
	if !comes {
		return askAgain("The override cannot be accepted without the password of the " + kind.Name + ".")
	}
	right, err := p.holds(secrets, override.Name, plain)
	if err == nil && !right {
		err = fault.InvalidFields("The override cannot be accepted.", []fault.Field{{Pointer: "/" + mdc.CredentialField, Detail: "is not the password that the " + kind.Name + " has"}})
	}
	return err
}

// laidAlready says whether the override that lies over the object now sends its value to all of those already.
func (p *pass) laidAlready(kind mdc.Kind, override *mdc.Override, body []byte, will mdc.CredentialHolder) (bool, error) {
	before, found, err := p.tx.Body(mdc.OverrideKind(), override.ObjectName())
	if err != nil || !found {
		return false, err
	}
	o, err := mdc.OverrideKind().Decode(before)
	if err != nil {
		return false, err
	}
	was, err := mdc.As[*mdc.Override](o)
	if err != nil {
		return false, err
	}
	laid, faults, err := was.Lay(kind, body)
	sent, ok := laid.(mdc.CredentialHolder)
	if err != nil || len(faults) > 0 || !ok {
		return false, err
	}
	now, _ := sent.Kept()
	next, _ := will.Kept()
	return now.Mark == next.Mark && !will.SentElsewhere(laid), nil // one that names nobody who signs in sends nothing yet
}

// holds says whether this is the value that is kept.
func (p *pass) holds(kind mdc.Kind, name, plain string) (bool, error) {
	o, err := p.tx.Get(kind, name)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	kept, err := mdc.As[*mdc.StoreCredential](o)
	return err == nil && subtle.ConstantTimeCompare([]byte(kept.Password), []byte(plain)) == 1, err
}

// put writes, or takes away, the value of a credential beside the object that was written. On a clone that is open to
// writes there are no edits of what is secret as a whole.
func (c credential) put(p *pass, name string) error {
	if c.kind.Name == "" || c.value == nil && (!c.had || c.has) {
		return nil
	}
	edit, err := edits(&p.tx.Snapshot, c.kind)
	switch {
	case err != nil:
		return err
	case edit && c.value != nil:
		return fault.InvalidFields("The object cannot be accepted on a clone.", []fault.Field{{Pointer: "/" + mdc.CredentialField, Detail: "a password for every data center can only be given at the master"}})
	case edit:
		return nil
	case c.has:
		return p.tx.Put(c.kind, c.value, p.actor.Name)
	}
	return p.tx.Delete(c.kind, name, p.actor.Name)
}

// dropCredential takes the value of a credential away with the object that goes; an edit of a clone leaves it to the master.
func (p *pass) dropCredential(o mdc.Object, edit bool) error {
	holder, ok := o.(mdc.CredentialHolder)
	if !ok || edit {
		return nil
	}
	_, kind := holder.Kept()
	return p.tx.Delete(kind, o.ObjectName(), p.actor.Name)
}

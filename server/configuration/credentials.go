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
	return c, nil
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

package configuration

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// wrap puts a passphrase that comes in under the node's key, with the one that it replaces beside it for the time of the
// overlap, and keeps the old one where the object brings none. The same passphrase under the same version is no change: an apply
// that is made again must not open a pairing again.
func (p *pass) wrap(kind mdc.Kind, was, will mdc.Object) error {
	holder, ok := will.(mdc.PassphraseHolder)
	if !ok {
		return nil
	}
	value, version := holder.Shared()
	var kept mdc.Passphrase
	var keptVersion int64
	if old, ok := was.(mdc.PassphraseHolder); ok && was != nil {
		v, n := old.Shared()
		kept, keptVersion = *v, n
	}
	plain, comes := value.Plain()
	if !comes {
		*value = kept
		return nil
	}
	if p.s.c.Wrapper == nil {
		return errors.New("wrap passphrase: there is no key for it")
	}
	place := mdc.PassphraseContext(kind, will.ObjectName())
	if len(kept.Wrapped) > 0 && version == keptVersion {
		if now, err := p.s.c.Wrapper.Unwrap(kept.Wrapped, place); err == nil && subtle.ConstantTimeCompare(now, []byte(plain)) == 1 {
			*value = kept
			return nil
		}
	}
	wrapped, err := p.s.c.Wrapper.Wrap([]byte(plain), place)
	if err != nil {
		return fmt.Errorf("wrap passphrase of %s %s: %w", kind.Name, will.ObjectName(), err)
	}
	value.Wrapped, value.Former, value.Changed = wrapped, nil, time.Time{} // the plain text stays: the transaction may run again
	if len(kept.Wrapped) > 0 {
		value.Former, value.Changed = kept.Wrapped, p.s.c.Clock.Now().UTC()
	}
	return nil
}

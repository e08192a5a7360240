package httpapi

import (
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// importedHash takes over the hash that another system made of a user's password.
func importedHash(in any, o mdc.Object) error {
	sent, ok := in.(*wire.User)
	if !ok || sent.ImportedHash == "" {
		return nil
	}
	detail := ""
	if sent.Password != "" {
		detail = "cannot be given together with password; give one of them"
	} else if err := identity.CheckHash(sent.ImportedHash); err != nil {
		detail = fmt.Sprintf("is %v", err)
	}
	if detail != "" {
		return fault.InvalidFields("The user cannot be accepted.", []fault.Field{{Pointer: "/imported_hash", Detail: detail}})
	}
	u, err := mdc.As[*mdc.User](o)
	if err != nil {
		return err
	}
	u.Password = mdc.Secret{Hash: sent.ImportedHash}
	return nil
}

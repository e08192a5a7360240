package ldap

import (
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// anything fits every entry.
const anything = "(objectClass=*)"

// fill puts a name and a distinguished name in the place of the placeholders of a filter, escaped (RFC 4515 section 3). It
// goes through the filter once, so that what is put in is never taken for a placeholder.
func fill(filter, user, dn string) string {
	return strings.NewReplacer(mdc.FilterUser, ldap.EscapeFilter(user), mdc.FilterDN, ldap.EscapeFilter(dn)).Replace(filter)
}

// Faults tells what of an identity store's settings a directory could not read.
func Faults(s *mdc.IdentityStore) (fields []fault.Field) {
	for _, f := range []struct{ pointer, filter string }{{"/user_filter", s.UserFilter}, {"/group_filter", s.GroupFilter}} {
		if f.filter == "" {
			continue
		}
		if _, err := ldap.CompileFilter(fill(f.filter, "user", "cn=user")); err != nil {
			fields = append(fields, fault.Field{Pointer: f.pointer, Detail: "is no search filter (RFC 4515): " + reason(err)})
		}
	}
	for _, d := range []struct{ pointer, dn string }{{"/bind_dn", s.BindDN}, {"/user_search_base", s.UserSearchBase}, {"/group_search_base", s.GroupSearchBase}} {
		// A directory of Microsoft's takes other names in the place of a bind DN: user@domain, or domain\user.
		if d.dn == "" || d.pointer == "/bind_dn" && !strings.Contains(d.dn, "=") {
			continue
		}
		if _, err := ldap.ParseDN(d.dn); err != nil {
			fields = append(fields, fault.Field{Pointer: d.pointer, Detail: fmt.Sprintf("is no distinguished name (RFC 4514), such as ou=people,dc=example,dc=com: %s", reason(err))})
		}
	}
	return fields
}

// reason is what an error of the library says, without its code.
func reason(err error) string {
	if e, ok := err.(*ldap.Error); ok && e.Err != nil { //nolint:errorlint // the library wraps nothing around it
		err = e.Err
	}
	text := strings.TrimPrefix(err.Error(), "ldap: ")
	return text[:min(len(text), 200)]
}

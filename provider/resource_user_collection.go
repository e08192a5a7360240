package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

type userCollection = collection[userEntry, userModel, wire.UserView, *userModel]

var (
	_ resource.ResourceWithModifyPlan     = (*userCollection)(nil)
	_ resource.ResourceWithImportState    = (*userCollection)(nil)
	_ resource.ResourceWithIdentity       = (*userCollection)(nil)
	_ resource.ResourceWithValidateConfig = (*userCollection)(nil)
)

func newUserCollection() resource.Resource {
	return &userCollection{folded: true, single: newUser, one: kind{name: "user", noun: "user", members: "users"},
		kind: kind{name: "user_collection", noun: "user collection", path: []string{"v1", "users"}, members: "users", replicates: true},
		secrets: []collected[userModel]{
			{"password_wo", "passwords_wo", passwordLength(), func(m *userModel) *types.String { return &m.Password }},
			{"imported_hash_wo", "imported_hashes_wo", hashLength(), func(m *userModel) *types.String { return &m.Imported }},
		},
		describe: "Many people of the local identity store, as one resource with a map of them. They are replicated: declare them on the master."}
}

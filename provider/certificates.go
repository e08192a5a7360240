package provider

import (
	fwattr "github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// certificateList spells certificates as certificateAttributes describes them. It is built by hand because a list inside of
// a model that is still unknown at plan cannot be a Go slice.
func certificateList(infos []wire.CertificateInfo) types.List {
	object := types.ObjectType{AttrTypes: map[string]fwattr.Type{"kind": types.StringType, "issued_to": types.StringType,
		"issued_by": types.StringType, "expires_at": types.StringType, "fingerprint_sha256": types.StringType}}
	items := make([]fwattr.Value, 0, len(infos))
	for _, c := range infos {
		items = append(items, types.ObjectValueMust(object.AttrTypes, map[string]fwattr.Value{
			"kind": types.StringValue(c.Kind), "issued_to": types.StringValue(c.IssuedTo), "issued_by": types.StringValue(c.IssuedBy),
			"expires_at": moment(&c.ExpiresAt), "fingerprint_sha256": types.StringValue(c.FingerprintSHA256),
		}))
	}
	return types.ListValueMust(object, items)
}

package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

// securityDomainAttribute is what every object has that a security domain may own.
func securityDomainAttribute() schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Validators: []validator.String{attr.Name()},
		MarkdownDescription: "Name of the `concord_security_domain` that it belongs to; by default none: it belongs to the whole topology, and every domain may use it."}
}

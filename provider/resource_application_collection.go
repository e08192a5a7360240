package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

type applicationCollection = collection[applicationEntry, applicationModel, wire.ApplicationView, *applicationModel]

var (
	_ resource.ResourceWithModifyPlan  = (*applicationCollection)(nil)
	_ resource.ResourceWithImportState = (*applicationCollection)(nil)
	_ resource.ResourceWithIdentity    = (*applicationCollection)(nil)
)

func newApplicationCollection() resource.Resource {
	return &applicationCollection{single: newApplication, one: kind{name: "application", noun: "application", members: "applications", overridable: true},
		kind:     kind{name: "application_collection", noun: "application collection", path: []string{"v1", "applications"}, members: "applications", replicates: true, overridable: true},
		describe: "Many applications, as one resource with a map of them. They are replicated: declare them on the master."}
}

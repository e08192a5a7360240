package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

type groupCollection = collection[groupEntry, groupModel, wire.GroupView, *groupModel]

var (
	_ resource.ResourceWithModifyPlan  = (*groupCollection)(nil)
	_ resource.ResourceWithImportState = (*groupCollection)(nil)
	_ resource.ResourceWithIdentity    = (*groupCollection)(nil)
)

func newGroupCollection() resource.Resource {
	return &groupCollection{single: newGroup, one: kind{name: "group", noun: "group", members: "groups"},
		kind:     kind{name: "group_collection", noun: "group collection", path: []string{"v1", "groups"}, members: "groups", replicates: true},
		describe: "Many groups of users, as one resource with a map of them. They are replicated: declare them on the master."}
}

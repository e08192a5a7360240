package provider

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// behind warns of clones that should have had a write before its answer and had not: the write is done on the master.
func (k kind) behind(id string, res client.Response, diags *diag.Diagnostics) {
	clones := res.Header.Get(wire.HeaderBehind)
	if clones == "" {
		return
	}
	diags.AddWarning(fmt.Sprintf("Not yet in %s", clones),
		fmt.Sprintf("The change of the %s %q is done on the master, but %s had not acknowledged it within five seconds, as wait_for_sync of the replication agreement asks for. It gets the change when it follows again; concord replication status says how it stands.%s",
			k.noun, id, clones, "\n\nRequest id: "+res.RequestID))
}

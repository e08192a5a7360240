package provider_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestAfterPromotion: an apply after a promotion neither demotes the live master nor replaces the agreement that was turned
// round; it says what to write, and with that written the plan is empty.
func TestAfterPromotion(t *testing.T) {
	ny, ldc := twoSites(t)
	before := linked(ny, ldc) + agreementBlock()
	turned := strings.NewReplacer(`source = concord_data_center.ny`, `source = concord_data_center.ldc`, `target = concord_data_center.ldc`, `target = concord_data_center.ny`,
		`name = "to-ldc"`, `name = "to-ldc"`+"\n  provider = ldc", `role       = "master"`, `role       = "clone"`, `role       = "clone"`, `role       = "master"`).Replace(before)
	promote := func() {
		if _, err := ldc.Do(client.Request{Method: http.MethodPost, Path: "/v1/data-center/promote", In: wire.MastershipChange{}}); err != nil {
			t.Fatal(err)
		}
	}
	roles := strings.NewReplacer(`role       = "master"`, `role       = "clone"`, `role       = "clone"`, `role       = "master"`).Replace(before)
	acceptance(t,
		resource.TestStep{Config: before},
		resource.TestStep{PreConfig: promote, Config: before, ExpectError: regexp.MustCompile(words(`does not become a`))},
		resource.TestStep{Config: roles, ExpectError: regexp.MustCompile(words(`A promotion has turned this agreement round`))},
		resource.TestStep{Config: turned},
		resource.TestStep{Config: turned, Check: resource.TestCheckResourceAttr("concord_data_center.ldc", "role", "master")},
	)
}

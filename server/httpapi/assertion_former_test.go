package httpapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// TestFormerPartnersKeysAreForgotten: the keys of a data center that is a partner no more are not published again when its id is
// registered anew, although the new one has not answered, also after a restart.
func TestFormerPartnersKeysAreForgotten(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	nydc, ldc := both[0], both[1]
	nydc.Trusts(ldc)
	ldc.Trusts(nydc)
	ofLDC := func() (n int) {
		for _, k := range published(t, nydc).Keys {
			if strings.HasPrefix(k.KeyID, "LDC.") {
				n++
			}
		}
		return n
	}
	nydc.Within(30*time.Second, "LDC's keys are known", func() bool { return ofLDC() == 1 })
	ldc.Stop()
	nydc.Delete("/v1/trust/certificates/LDC")
	nydc.Delete("/v1/partners/LDC")
	if n := ofLDC(); n != 0 {
		t.Errorf("%d keys of a former partner are published", n)
	}
	nydc.Trusts(ldc)
	if n := ofLDC(); n != 0 {
		t.Errorf("%d keys of a former partner are published again, and it has not answered", n)
	}
	nydc.Stop()
	nydc.Start()
	if n := ofLDC(); n != 0 {
		t.Errorf("%d keys of a former partner are published again after a restart", n)
	}
	ldc.Start()
	nydc.Within(30*time.Second, "LDC's keys are known again", func() bool { return ofLDC() == 1 })
}

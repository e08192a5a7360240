package httpapi_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// TestLoadBalancersAreTold: an active data center gets users, a passive one does not, and a hot standby does while the active one
// is down, or not ready, or when an administrator says so; it gives them back. Who comes all the same is served (OAM-08, OAM-13).
func TestLoadBalancersAreTold(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(both[0], both[1])
	nydc, ldc := both[0], both[1]
	pool := &http.Client{Transport: &http.Transport{TLSClientConfig: nydc.TLS().Clone(), DisableKeepAlives: true}}
	pool.Transport.(*http.Transport).TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(ldc.CACertPEM))
	health := func(d *testkit.DataCenter) (bool, string) {
		res, err := pool.Get(d.RuntimeURL + "/v1/health")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode == http.StatusOK, string(b)
	}
	declare := func(availability string) {
		ldc.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone", Availability: availability})
	}
	for _, c := range [][2]string{{"passive", "this data center is passive"}, {"hot_standby", "a hot standby, and NYDC serves"}} {
		declare(c[0])
		ldc.Within(testkit.Limit, c[0]+" gets no users", func() bool {
			ok, why := health(ldc)
			return !ok && strings.Contains(why, c[1])
		})
	}
	if ok, why := health(nydc); !ok {
		t.Errorf("the active one: %s", why)
	}
	if got := admin(t, ldc, http.MethodGet, "/v1/ready", ""); got.status != http.StatusOK {
		t.Errorf("a hot standby is ready all the same: %s", got.body)
	}
	if got := send(t, ldc, ask{method: http.MethodGet, url: ldc.RuntimeURL + "/login"}); got.status != http.StatusOK {
		t.Errorf("who comes all the same: %d", got.status)
	}
	nydc.Stop()
	ldc.Within(topology.TakeOver+2*testkit.Limit, "takes over", func() bool { ok, _ := health(ldc); return ok })
	nydc.Start()
	ldc.Within(testkit.Limit, "gives back", func() bool { ok, _ := health(ldc); return !ok })
	declare("active")
	if ok, why := health(ldc); !ok {
		t.Errorf("by the operator's word: %s", why)
	}
	admin(t, ldc, http.MethodPut, "/v1/data-center", `{"cluster_id":"LDC","role":"clone","availability":"cold"}`).refused(t, http.StatusBadRequest, "invalid_input")
}

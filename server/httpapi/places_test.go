package httpapi_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// begin sends the beginning of so many requests whose bodies do not come, and waits until n of the class are under way; letGo ends them.
func begin(t *testing.T, d *testkit.DataCenter, class string, n int, url, head string, many int) (letGo func()) {
	t.Helper()
	_, address, _ := strings.Cut(url, "://")
	var conns []*tls.Conn
	for range many {
		c, err := tls.Dial("tcp", address, d.TLS())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		if _, err := fmt.Fprintf(c, "%s\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", head, address); err != nil {
			t.Fatal(err)
		}
	}
	series := fmt.Sprintf("concord_requests_in_flight{class=%q}", class)
	d.Within(testkit.Limit, "all are worked on", func() bool { return figures(t, d)[series] >= float64(n) })
	return func() {
		for _, c := range conns {
			_ = c.Close() // the server sees it
		}
		d.Within(testkit.Limit, "none is left", func() bool { return figures(t, d)[series] == 0 })
	}
}

// again wants a refusal that says when to come again.
func (a answer) again(t *testing.T, status int, code string) {
	t.Helper()
	if p := a.refused(t, status, code); a.header.Get("Retry-After") == "" || p.Kind != "unavailable" {
		t.Errorf("Retry-After %q, %+v", a.header.Get("Retry-After"), p)
	}
}

// TestOneAdministratorTakesAPart: whoever begins changes and does not finish them is told that it is his doing, and no other administrator
// notices (FLT-29, SEC-64).
func TestOneAdministratorTakesAPart(t *testing.T) {
	d := start(t)
	d.Role("reader", wire.AdminRole{Permissions: []wire.Permission{{Actions: []string{"read"}, Kinds: []string{"group"}}}})
	other := d.AdminWith(d.AdminToken("other", "reader"))
	letGo := begin(t, d, "administration", 64, d.Endpoint, "PUT /v1/groups/g HTTP/1.1\r\nAuthorization: Bearer "+d.Token, 64)
	admin(t, d, http.MethodGet, "/v1/groups", "").again(t, http.StatusTooManyRequests, "too_many_requests")
	if _, err := other.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/groups"}); err != nil {
		t.Errorf("another administrator: %v", err)
	}
	if got := figures(t, d)[`concord_requests_shed_total{class="administration",code="too_many_requests"}`]; got != 1 {
		t.Errorf("%v requests were counted as shed", got)
	}
	for _, path := range []string{"/v1/health", "/v1/ready"} {
		if got := send(t, d, ask{method: http.MethodGet, url: d.Endpoint + path}); got.status != http.StatusOK {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	letGo()
	if got := admin(t, d, http.MethodGet, "/v1/groups", ""); got.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
}

package httpapi_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestAdminNeedsItsOwnToken tries each way of not having one on a read and on a write (SEC-08, SEC-35).
func TestAdminNeedsItsOwnToken(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d, other := both[0], both[1]
	for _, c := range []struct{ name, authorization, code string }{
		{"none", "", "no_token"},
		{"not a bearer token", "Basic " + d.Token, "no_token"},
		{"empty", "Bearer ", "no_token"},
		{"a little of it", "Bearer " + d.Token[:len(d.Token)-1], "wrong_token"},
		{"more than it", "Bearer " + d.Token + "A", "wrong_token"},
		{"in capitals", "Bearer " + strings.ToUpper(d.Token), "wrong_token"},
		{"another data center's", "Bearer " + other.Token, "wrong_token"},
		{"endless", "Bearer " + strings.Repeat("A", 4096), "no_token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, a := range []ask{
				{method: http.MethodGet, url: d.Endpoint + "/v1/data-center"},
				{method: http.MethodPut, url: d.Endpoint + "/v1/groups/g", body: `{"name":"g"}`},
				{method: http.MethodGet, url: d.Endpoint + "/metrics"},
				{method: http.MethodGet, url: d.Endpoint + "/openapi.json"},
			} {
				a.header = http.Header{"Content-Type": {"application/json"}}
				if c.authorization != "" {
					a.header.Set("Authorization", c.authorization)
				}
				got := send(t, d, a)
				got.refused(t, http.StatusUnauthorized, c.code)
				if got.header.Get("WWW-Authenticate") == "" {
					t.Error("no WWW-Authenticate")
				}
			}
		})
	}
	if got := admin(t, d, http.MethodGet, "/v1/groups/g", ""); got.status != http.StatusNotFound {
		t.Errorf("a refused write left the group: %d", got.status)
	}
}

// TestAdminMethodsAndRoutes: unknown routes are 404, known routes with another method 405 with Allow, HEAD is GET without
// its body (STD-03), and nothing that helps debugging is served (SEC-70).
func TestAdminMethodsAndRoutes(t *testing.T) {
	d := start(t)
	for _, path := range []string{"/v1", "/v1/nothing", "/v1/groups/a/b", "/v1/groups/", "/v1/Groups", "/debug/pprof/", "/debug/vars", "/admin", "/.git/config"} {
		for name, base := range map[string]string{"admin": d.Endpoint, "runtime": d.RuntimeURL} {
			got := send(t, d, ask{method: http.MethodGet, url: base + path, header: http.Header{"Authorization": {"Bearer " + d.Token}}})
			if got.status != http.StatusNotFound {
				t.Errorf("%s %s: %d", name, path, got.status)
				continue
			}
			got.refused(t, http.StatusNotFound, "no_such_route")
		}
	}
	for _, c := range []struct{ method, path, allow string }{
		{http.MethodPost, "/v1/groups/g", "DELETE, GET, HEAD, PATCH, PUT"},
		{http.MethodDelete, "/v1/replication/status", "GET, HEAD"},
		{"BREW", "/v1/data-center", "DELETE, GET, HEAD, PATCH, PUT"},
		{http.MethodOptions, "/v1/data-center", "DELETE, GET, HEAD, PATCH, PUT"},
	} {
		got := admin(t, d, c.method, c.path, "")
		got.refused(t, http.StatusMethodNotAllowed, "method_not_allowed")
		if allow := sorted(got.header.Get("Allow")); allow != c.allow {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.path, allow, c.allow)
		}
	}
	for _, path := range []string{"/v1/data-center", "/v1/groups", "/v1/health", "/v1/session-policy"} {
		get, head := admin(t, d, http.MethodGet, path, ""), admin(t, d, http.MethodHead, path, "")
		if head.body != "" || head.status != get.status {
			t.Errorf("HEAD %s: %d with %d bytes, GET %d", path, head.status, len(head.body), get.status)
		}
		for _, name := range []string{"Content-Type", "ETag", "Cache-Control", wire.HeaderCluster, wire.HeaderNode} {
			if head.header.Get(name) != get.header.Get(name) {
				t.Errorf("HEAD %s: %s is %q, GET's %q", path, name, head.header.Get(name), get.header.Get(name))
			}
		}
	}
}

func sorted(list string) string {
	parts := strings.Split(list, ", ")
	for i := range parts {
		for j := i + 1; j < len(parts); j++ {
			if parts[j] < parts[i] {
				parts[i], parts[j] = parts[j], parts[i]
			}
		}
	}
	return strings.Join(parts, ", ")
}

// TestRequestIDIsEchoedOrReplaced: a caller's id comes back when it is harmless, and never reaches a log otherwise (SEC-67).
func TestRequestIDIsEchoedOrReplaced(t *testing.T) {
	d := start(t)
	for id, keep := range map[string]bool{
		"abc-DEF_123": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, "a\u2028b": false, "": false, "a\tb": false, "a;b=c": false,
	} {
		got := admin(t, d, http.MethodGet, "/v1/nothing", "", wire.HeaderRequestID, id)
		back := got.header.Get(wire.HeaderRequestID)
		if back == "" || (back == id) != keep {
			t.Errorf("request id %q came back as %q", id, back)
		}
	}
}

// TestSmuggledRequestsAreRefused sends by hand what no client library would (SEC-65): each gets 400 and the connection ends.
func TestSmuggledRequestsAreRefused(t *testing.T) {
	d := start(t)
	host := strings.TrimPrefix(d.Endpoint, "https://")
	for name, text := range map[string]string{
		"length and chunks": "PUT /v1/groups/g HTTP/1.1\r\nHost: %s\r\nContent-Length: 3\r\nTransfer-Encoding: chunked, identity\r\n\r\nabc",
		"two lengths":       "PUT /v1/groups/g HTTP/1.1\r\nHost: %s\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"two hosts":         "GET /v1/health HTTP/1.1\r\nHost: %s\r\nHost: evil.example\r\n\r\n",
		"no host":           "GET /v1/health HTTP/1.1\r\nX: %s\r\n\r\n",
		"line break":        "GET /v1/health HTTP/1.1\r\nHost: %s\r\nX: a\x00b\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := d.TLS()
			cfg.NextProtos = []string{"http/1.1"}
			conn, err := tls.Dial("tcp", host, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := fmt.Fprintf(conn, text, host); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode < 400 || res.StatusCode > 501 || !res.Close {
				t.Errorf("answered %d, the connection is kept: %t", res.StatusCode, !res.Close)
			}
		})
	}
}

// TestHealthTellsNoMoreThanItMust is open to load balancers: who answers, and whether (STD-03).
func TestHealthTellsNoMoreThanItMust(t *testing.T) {
	d := start(t)
	for _, url := range []string{d.Endpoint + "/v1/health", d.Endpoint + "/v1/ready", d.RuntimeURL + "/v1/health"} {
		got := send(t, d, ask{method: http.MethodGet, url: url})
		if got.status != http.StatusOK || got.header.Get(wire.HeaderCluster) != "NYDC" || got.header.Get(wire.HeaderNode) != "nydc1" {
			t.Errorf("%s: %d %v", url, got.status, got.header)
		}
	}
}

// TestClientKnowsEveryRefusal goes through internal/client, as the provider does.
func TestClientKnowsEveryRefusal(t *testing.T) {
	d := start(t)
	_, err := d.Do(client.Request{Method: http.MethodGet, Path: "/v1/groups/absent"})
	wantFault(t, err, fault.NotFound, "not_found")
	_, err = d.Do(client.Request{Method: http.MethodDelete, Path: "/v1/groups/absent"})
	wantFault(t, err, fault.NotFound, "not_found")
	_, err = d.Do(client.Request{Method: http.MethodPatch, Path: "/v1/groups/absent", In: map[string]any{"description": "x"}})
	wantFault(t, err, fault.NotFound, "not_found")
	_, err = d.Do(client.Request{Method: http.MethodPut, Path: "/v1/groups/one", In: wire.Group{Name: "two"}})
	wantFault(t, err, fault.Invalid, "invalid_input")
	_, err = d.Do(client.Request{Method: http.MethodGet, Path: "/v1/sessions/absent"})
	wantFault(t, err, fault.NotFound, "not_found")
	_, err = d.Do(client.Request{Method: http.MethodDelete, Path: "/v1/sessions/absent"})
	wantFault(t, err, fault.NotFound, "not_found")
	_, err = d.Do(client.Request{Method: http.MethodGet, Path: "/v1/replication/agreements/absent"})
	wantFault(t, err, fault.NotFound, "not_found")
	_, err = d.Do(client.Request{Method: http.MethodPut, Path: "/v1/data-center", In: wire.DataCenter{ClusterID: "LDC", Role: "standalone"}})
	wantFault(t, err, fault.Invalid, "wrong_data_center")
	_, err = d.Do(client.Request{Method: http.MethodPut, Path: "/v1/partners/nydc", In: wire.Partner{ClusterID: "nydc", AgentID: "a", Primary: []string{"127.0.0.1:1"}}})
	wantFault(t, err, fault.Conflict, "duplicate_cluster_id")
}

package httpapi_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// labelled checks what every message between data centers says of its sender.
func labelled(t *testing.T, what string, h http.Header, version, epoch string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, h.Get(wire.HeaderTime))
	if h.Get(wire.HeaderCluster) != "NYDC" || h.Get(wire.HeaderVersion) != version || h.Get(wire.HeaderEpoch) != epoch || err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("%s is labelled %q, %q, %q, %q", what, h.Get(wire.HeaderCluster), h.Get(wire.HeaderVersion), h.Get(wire.HeaderEpoch), h.Get(wire.HeaderTime))
	}
}

// TestVersionsApart: a partner whose version is more than one minor version away is refused, and told which to upgrade, but for
// its hello and its standing; one that names no version, or no release, is let in (CAMS-03). Every answer says who answers, in which version and
// epoch, and when.
func TestVersionsApart(t *testing.T) {
	t.Parallel()
	d := testkit.StartWith(t, testkit.Options{Version: "0.4.1"}, "NYDC")[0]
	cfg := stranger(t, d)
	get := func(path, version string) answer {
		h := http.Header{}
		if version != "" {
			h.Set(wire.HeaderVersion, version)
		}
		return send(t, d, ask{method: http.MethodGet, url: "https://" + d.PeerAddress + path, header: h, tls: cfg})
	}
	const path = "/peer/v1/replication/conflicts"
	for version, apart := range map[string]bool{"": false, "dev": false, "0.4.9": false, "v0.5.0": false, "0.3.7": false, "0.6.0": true, "0.2.9": true, "1.4.1": true} {
		got := get(path, version)
		labelled(t, "the answer to "+version, got.header, "0.4.1", "1/NYDC")
		if apart {
			got.refused(t, http.StatusConflict, "version_gap")
		} else {
			got.refused(t, http.StatusForbidden, "not_source")
		}
		if got := get("/peer/v1/hello", version); got.status != http.StatusOK {
			t.Errorf("the hello of version %q: %d %s", version, got.status, got.body)
		}
		get("/peer/v1/mastership", version).refused(t, http.StatusForbidden, "not_a_member") // no matter which
	}
	got := get("/peer/v1/nothing", "")
	labelled(t, "a route that there is not", got.header, "0.4.1", "1/NYDC")
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "master"})
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/data-center/promote", In: wire.MastershipChange{Force: true}}); err != nil {
		t.Fatal(err)
	}
	got = get(path, "")
	labelled(t, "after a promotion", got.header, "0.4.1", "2/NYDC")
}

// TestQuestionsAreLabelled: what this data center asks a partner says who asks, in which version and epoch, and when.
func TestQuestionsAreLabelled(t *testing.T) {
	t.Parallel()
	d := testkit.StartWith(t, testkit.Options{Version: "0.4.1"}, "NYDC")[0]
	cfg := stranger(t, d)
	asked := make(chan http.Header, 1)
	fake := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- r.Header.Clone():
		default:
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	fake.TLS = &tls.Config{Certificates: cfg.Certificates, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert}
	fake.StartTLS()
	defer fake.Close()
	d.Put("/v1/partners/FAKE", wire.Partner{ClusterID: "FAKE", AgentID: testkit.AgentID, Primary: []string{fake.Listener.Addr().String()}})
	select {
	case h := <-asked:
		labelled(t, "the question", h, "0.4.1", "1/NYDC")
	case <-time.After(testkit.Limit):
		t.Fatal("the partner was not asked")
	}
}

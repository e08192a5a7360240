package httpapi_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// stranger registers the data center FAKE, which the test itself speaks for, as a partner of d.
func stranger(t *testing.T, d *testkit.DataCenter) *tls.Config {
	t.Helper()
	cert := madeUp(t, "spiffe://fake/node/fake1")
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[1]})
	d.Put("/v1/trust/certificates/fake", wire.TrustedCertificate{Name: "fake", CertificatePEM: string(root), Partner: "FAKE"})
	d.Put("/v1/partners/FAKE", wire.Partner{ClusterID: "FAKE", AgentID: testkit.AgentID, Primary: []string{"127.0.0.1:1"}})
	return &tls.Config{Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true} //nolint:gosec // the test trusts the address
}

// peer asks the peer listener as FAKE.
func peer(t *testing.T, d *testkit.DataCenter, cfg *tls.Config, method, path, body string) answer {
	t.Helper()
	h := http.Header{}
	if body != "" {
		h.Set("Content-Type", "application/json")
	}
	return send(t, d, ask{method: method, url: "https://" + d.PeerAddress + path, body: body, header: h, tls: cfg})
}

const fakeAgreement = `{"identifier":%q,"name":"n","source":%q,"target":"NYDC","document_type":"ENTITY","enabled":%t,"poll_interval":"15m","follow":true,"overwrite":false,"starting_sequence":0}`

// TestPeerRoutesAreAsDescribed reaches every route of the peer listener as a partner that the test made up, checks the
// answers against the description, and finds nothing undeclared (SEC-74, SEC-70).
func TestPeerRoutesAreAsDescribed(t *testing.T) {
	d := start(t)
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "clone"})
	cfg := stranger(t, d)
	doc := describe(t, peer(t, d, cfg, http.MethodGet, "/openapi.json", ""))
	const one = "/peer/v1/replication/agreements/{id}"
	position := "?agreement=FAKE-NYDC-1&after=0&epoch=1&epoch_holder=NYDC&digest=x&wait=0s"
	reached := map[string]bool{}
	for _, s := range []step{
		{"GET", "/openapi.json", "", "", 200},
		{"GET", "/peer/v1/hello", "", "", 200},
		{"GET", "/peer/v1/bundle", "", "", 200},
		{"GET", "/peer/v1/assertion-keys", "", "", 200},
		{"POST", "/peer/v1/pair", "", `{"cluster_id":"FAKE","bundle":"{}","proof":"AAAA"}`, 409}, // in mode cert
		{"POST", "/peer/v1/enroll", "", `{"id":"x","purpose":"agent","secret":"AA==","csr_pem":""}`, 403},
		{"POST", "/peer/v1/join", "", "{}", 400},
		{"GET", "/peer/v1/trust", "/peer/v1/trust?after=0&crl=0&wait=0s", "", 200},
		{"GET", "/peer/v1/trust", "/peer/v1/trust?after=-1&crl=x", "", 400},
		{"PUT", one, "/peer/v1/replication/agreements/FAKE-NYDC-1", fmt.Sprintf(fakeAgreement, "FAKE-NYDC-1", "FAKE", false), 200},
		{"PATCH", one, "/peer/v1/replication/agreements/FAKE-NYDC-1", fmt.Sprintf(fakeAgreement, "FAKE-NYDC-1", "FAKE", false), 200},
		{"GET", "/peer/v1/replication/journal", "/peer/v1/replication/journal" + position, "", 403},
		{"GET", "/peer/v1/replication/snapshot", "/peer/v1/replication/snapshot?agreement=FAKE-NYDC-1", "", 403},
		{"GET", one, "/peer/v1/replication/agreements/FAKE-NYDC-1", "", 200},
		{"POST", one + "/pull", "/peer/v1/replication/agreements/FAKE-NYDC-1/pull", "{}", 409},
		{"POST", one + "/verify", "/peer/v1/replication/agreements/FAKE-NYDC-1/verify", "{}", 409},
		{"GET", "/peer/v1/blobs/{sha256}", "/peer/v1/blobs/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", "", 403},
		{"GET", "/peer/v1/neighbours/blobs/{sha256}", "/peer/v1/neighbours/blobs/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", "", 403},
		{"GET", "/peer/v1/neighbours/conflicts", "", "", 403},
		{"GET", "/peer/v1/neighbours/conflicts/{id}", "/peer/v1/neighbours/conflicts/x", "", 403},
		{"DELETE", "/peer/v1/neighbours/conflicts/{id}", "/peer/v1/neighbours/conflicts/x", "", 403},
		{"POST", "/peer/v1/neighbours/sign-in-attempts", "", `{"account":"ann","window":"1m"}`, 403},
		{"POST", "/peer/v1/neighbours/password-turns", "", `{"turns":[]}`, 403},
		{"POST", "/peer/v1/replication/digests", "", "{}", 403},
		{"POST", "/peer/v1/replication/objects", "", "{}", 400},
		{"GET", "/peer/v1/replication/conflicts", "", "", 200},
		{"GET", "/peer/v1/replication/conflicts/{id}", "/peer/v1/replication/conflicts/x", "", 404},
		{"GET", "/peer/v1/mastership", "", "", 200},
		{"POST", "/peer/v1/mastership", "", "{}", 204},
		{"POST", "/peer/v1/mastership/handover", "", "{}", 403},
		{"POST", "/peer/v1/mastership/take", "", "{}", 400},
		{"POST", "/peer/v1/mastership/follow", "", "{}", 400},
		{"POST", "/peer/v1/test", "", "{}", 200},
		{"GET", "/peer/v1/edges", "", "", 200},
		{"GET", "/peer/v1/security-domains", "", "", 200},
		{"GET", "/peer/v1/audit-events", "/peer/v1/audit-events?acts=0&runtime=0&order=oldest&limit=10", "", 200},
		{"GET", "/peer/v1/audit-events", "/peer/v1/audit-events?acts=x", "", 400},
		{"GET", "/peer/v1/identity-stores", "", "", 200},
		{"DELETE", one, "/peer/v1/replication/agreements/FAKE-NYDC-1", "", 204},
		{"POST", "/peer/v1/sessions/retrieve", "", retrieval("AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA"), 200},
		{"POST", "/peer/v1/keys/fetch", "", `{"purpose":"agent"}`, 403}, // it is no member of the topology
		{"POST", "/peer/v1/keys/fetch", "", `{"purpose":"nonsense"}`, 400},
		{"POST", "/peer/v1/sessions/of-user", "", `{"identity_store":"local","user":"ann"}`, 200},
		{"POST", "/peer/v1/sessions/of-user", "", `{"identity_store":"local","user":"a b"}`, 400},
		{"POST", "/peer/v1/accounts/password", "", `{"user":"ann","password":"x"}`, 403},
		{"POST", "/peer/v1/sessions/events", "", `{"events":[]}`, 204},
		{"POST", "/peer/v1/sessions/last-access", "", `{"sessions":[{"sso_id":"AAAAAAAAAAAAAAAAAAAAAA"}]}`, 200},
		{"POST", "/peer/v1/sessions/reserve", "", fmt.Sprintf(`{"store":"local","user":"ann","sso_id":"AAAAAAAAAAAAAAAAAAAAAA","at":%q}`, time.Now().UTC().Format(time.RFC3339Nano)), 200},
		{"POST", "/peer/v1/sign-in-attempts", "", `{"account":"ann","window":"1m"}`, 200},
		{"POST", "/peer/v1/revocations", "", `{"after":0,"through":0,"revocations":[],"next":0}`, 200},
		{"POST", "/peer/v1/revocations/pull", "", `{"have":{},"after":0}`, 200},
	} {
		o, declared := doc.Paths[s.path][strings.ToLower(s.method)]
		if !declared {
			t.Errorf("%s %s is not described", s.method, s.path)
			continue
		}
		if s.url == "" {
			s.url = s.path
		}
		got := peer(t, d, cfg, s.method, s.url, s.body)
		if got.status != s.want {
			t.Errorf("%s %s: %d, want %d: %s", s.method, s.url, got.status, s.want, got.body)
		}
		doc.fits(t, o, s.method+" "+s.url, got)
		reached[s.method+" "+s.path] = true
	}
	doc.complete(t, d, "https://"+d.PeerAddress, nil, reached, cfg)
	for _, path := range []string{"/", "/v1/data-center", "/v1/health", "/metrics", "/login", "/debug/pprof/", "/peer/v1/keys"} {
		peer(t, d, cfg, http.MethodGet, path, "").refused(t, http.StatusNotFound, "no_such_route")
	}
}

func retrieval(id, sso string) string {
	return fmt.Sprintf(`{"id":%q,"sso_id":%q,"proof":%q,"for_cluster":"FAKE"}`, id, sso, base64.StdEncoding.EncodeToString(make([]byte, 16)))
}

// TestPartnersMayNotTakeWhatIsNotTheirs: a real partner that asks for more than it is given: another's agreement,
// management without leave, the journal, a session whose proof it cannot show (SEC-47), bodies of another shape (SEC-60).
func TestPartnersMayNotTakeWhatIsNotTheirs(t *testing.T) {
	d := start(t)
	d.User("ann")
	app := d.Application("shop", shop)
	testkit.NewBrowser(t, d).Open(app, "ann", testkit.Password)
	cfg := stranger(t, d)
	const one = "/peer/v1/replication/agreements/x"
	peer(t, d, cfg, http.MethodPut, one, fmt.Sprintf(fakeAgreement, "x", "FAKE", true)).refused(t, http.StatusConflict, "not_a_clone")
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "clone"})
	peer(t, d, cfg, http.MethodPut, one, fmt.Sprintf(fakeAgreement, "x", "FAKE", true)).refused(t, http.StatusForbidden, "management_not_allowed")
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	peer(t, d, cfg, http.MethodPut, one, fmt.Sprintf(fakeAgreement, "x", "LDC", true)).refused(t, http.StatusForbidden, "not_source")
	peer(t, d, cfg, http.MethodPut, one, fmt.Sprintf(fakeAgreement, "x", "FAKE", true)).refused(t, http.StatusConflict, "clone_not_empty")
	peer(t, d, cfg, http.MethodPut, one, fmt.Sprintf(fakeAgreement, "y", "FAKE", true)).refused(t, http.StatusBadRequest, "invalid_input")
	peer(t, d, cfg, http.MethodPut, one, `{"Identifier":"x"}`).refused(t, http.StatusBadRequest, "invalid_input")
	peer(t, d, cfg, http.MethodGet, "/peer/v1/replication/snapshot?agreement=", "").refused(t, http.StatusForbidden, "no_agreement")
	peer(t, d, cfg, http.MethodGet, "/peer/v1/replication/journal?after=x&wait=forever", "").refused(t, http.StatusBadRequest, "invalid_input")
	s := d.Sessions("ann")[0]
	for _, proof := range []string{retrieval(s.ID, s.SSOID), retrieval(s.ID, "AAAAAAAAAAAAAAAAAAAAAA"), retrieval("AAAAAAAAAAAAAAAAAAAAAA", s.SSOID)} {
		got := peer(t, d, cfg, http.MethodPost, "/peer/v1/sessions/retrieve", proof)
		var a wire.RetrieveAnswer
		if err := json.Unmarshal([]byte(got.body), &a); err != nil || a.Result == wire.RetrieveFound || a.Session != nil || strings.Contains(got.body, "ann") {
			t.Errorf("without the proof: %d %s", got.status, got.body)
		}
	}
	for _, kind := range []string{"moved", "joined", "touch"} {
		body := fmt.Sprintf(`{"events":[{"id":"x","kind":%q,"sso_id":%q,"session_id":%q,"proof":%q,"at":%q}]}`, kind, s.SSOID, s.ID,
			base64.StdEncoding.EncodeToString(make([]byte, 16)), time.Now().UTC().Format(time.RFC3339Nano))
		if got := peer(t, d, cfg, http.MethodPost, "/peer/v1/sessions/events", body); got.status != http.StatusNoContent {
			t.Errorf("%s without the proof: %d %s", kind, got.status, got.body)
		}
	}
	if got := peer(t, d, cfg, http.MethodPost, "/peer/v1/sessions/last-access", fmt.Sprintf(`{"sessions":[{"sso_id":%q}]}`, s.SSOID)); strings.Contains(got.body, "last_access") {
		t.Errorf("no member is told when it was used: %s", got.body)
	}
	for path, body := range map[string]string{
		"/peer/v1/sessions/last-access": `{"sessions":[{"sso_id":"?"}]}`, "/peer/v1/sessions/reserve": `{"store":"local","user":"ann","sso_id":"?","at":"2026-01-01T00:00:00Z"}`,
		"/peer/v1/sign-in-attempts": `{"account":"a/b","window":"1m"}`,
		"/peer/v1/sessions/events":  `{"events":[{"id":"x","kind":"moved","sso_id":"AAAAAAAAAAAAAAAAAAAAAA","at":"2026-01-01T00:00:00Z"}]}`,
	} {
		peer(t, d, cfg, http.MethodPost, path, body).refused(t, http.StatusBadRequest, "invalid_input")
	}
	if left := d.Sessions("ann"); len(left) != 1 || len(left[0].Members) > 0 {
		t.Errorf("asking ended the session: %+v", left)
	}
	d.Delete("/v1/trust/certificates/fake")
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}}
	if res, err := c.Get("https://" + d.PeerAddress + "/peer/v1/hello"); err == nil {
		_ = res.Body.Close()
		t.Errorf("without its root in force it gets %d", res.StatusCode)
	}
}

package httpapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestReplicationIsAskedForByItsIdentity: through the real peer listener, with the partner's own certificate: once the clone has
// registered a credential its agreement answers to that alone (OAM-50), and nothing else answers to it.
func TestReplicationIsAskedForByItsIdentity(t *testing.T) {
	d := start(t)
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "clone"})
	cfg := stranger(t, d)
	first := fmt.Sprintf(fakeAgreement, "FAKE-NYDC-1", "FAKE", false)
	if got := peer(t, d, cfg, http.MethodPut, "/peer/v1/replication/agreements/FAKE-NYDC-1", first); got.status != http.StatusOK {
		t.Fatalf("install: %d %s", got.status, got.body)
	} else {
		var in wire.PeerAgreementState
		if err := json.Unmarshal([]byte(got.body), &in); err != nil || len(in.IdentityHash) != sha256.Size {
			t.Errorf("the clone tells no identity: %s", got.body)
		}
	}
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/data-center/promote", In: wire.MastershipChange{Force: true}}); err != nil {
		t.Fatal(err)
	}
	secret := bytes.Repeat([]byte{7}, 32)
	hash := sha256.Sum256(secret)
	follow := wire.PeerFollow{IdentityHash: hash[:], PeerAgreement: wire.PeerAgreement{Identifier: "NYDC-FAKE-2", Name: "n", Source: "NYDC", Target: "FAKE", DocumentType: "ENTITY",
		Enabled: true, PollInterval: "15m", Follow: true}}
	tell := func(f wire.PeerFollow) answer {
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return peer(t, d, cfg, http.MethodPost, "/peer/v1/mastership/follow", string(b))
	}
	journal := "/peer/v1/replication/journal?agreement=NYDC-FAKE-2&after=0&epoch=1&epoch_holder=NYDC&digest=x&wait=0s"
	asks := []struct{ method, path, body string }{
		{http.MethodGet, journal, ""},
		{http.MethodGet, "/peer/v1/replication/snapshot?agreement=NYDC-FAKE-2", ""},
		{http.MethodPost, "/peer/v1/replication/digests", `{"agreement":"NYDC-FAKE-2"}`},
		{http.MethodPost, "/peer/v1/replication/objects", `{"agreement":"NYDC-FAKE-2","kind":"group","names":[]}`},
	}
	shown := func(method, path, body, authorization string) answer {
		h := http.Header{"Content-Type": {"application/json"}}
		if authorization != "" {
			h.Set("Authorization", authorization)
		}
		return send(t, d, ask{method: method, url: "https://" + d.PeerAddress + path, body: body, header: h, tls: cfg})
	}
	if got := tell(wire.PeerFollow{PeerAgreement: follow.PeerAgreement}); got.status != http.StatusOK {
		t.Fatalf("follow as an older version: %d %s", got.status, got.body)
	}
	if got := shown(http.MethodGet, journal, "", ""); got.status != http.StatusOK {
		t.Errorf("before an identity is registered the certificate counts: %d %s", got.status, got.body)
	}
	short := follow
	short.IdentityHash = hash[:16]
	tell(short).refused(t, http.StatusBadRequest, "invalid_input")
	if got := tell(follow); got.status != http.StatusOK || strings.Contains(got.body, "hash") {
		t.Fatalf("follow: %d %s", got.status, got.body)
	}
	good := wire.SchemeReplication + " NYDC-FAKE-2:" + base64.RawURLEncoding.EncodeToString(secret)
	wrong := wire.SchemeReplication + " NYDC-FAKE-2:" + base64.RawURLEncoding.EncodeToString(hash[:])
	for i, a := range asks {
		if i != 1 { // a copy has keysets, which cannot be sealed for a data center that shows no key
			if got := shown(a.method, a.path, a.body, good); got.status != http.StatusOK {
				t.Errorf("%s with the credential: %d %s", a.path, got.status, got.body)
			}
		}
		for _, bad := range []string{"", wrong, good + "=", good + "A", strings.Replace(good, "-2:", "-1:", 1), strings.Replace(good, wire.SchemeReplication, "Bearer", 1),
			wire.SchemeReplication + " NYDC-FAKE-2:", wire.SchemeReplication + " NYDC-FAKE-2:" + strings.Repeat("A", 4000)} {
			got := shown(a.method, a.path, a.body, bad)
			got.refused(t, http.StatusForbidden, "wrong_replication_identity")
			if strings.Contains(got.body, base64.RawURLEncoding.EncodeToString(secret)) {
				t.Errorf("the refusal shows the credential: %s", got.body)
			}
		}
	}
	// Nor are the contents of packages given without it.
	p := d.Package(wire.Package{Name: "p"}, []byte("0123456789"))
	at := "/peer/v1/blobs/" + p.SHA256
	if got := shown(http.MethodGet, at, "", good); got.status != http.StatusOK || got.body != "0123456789" {
		t.Errorf("a content with the credential: %d %s", got.status, got.body)
	}
	for _, bad := range []string{"", wrong, good + "=", wire.SchemeReplication, strings.Replace(good, wire.SchemeReplication, "Bearer", 1)} {
		shown(http.MethodGet, at, "", bad).refused(t, http.StatusForbidden, "wrong_replication_identity")
	}
	// It is no key to anything else.
	for _, url := range []string{d.Endpoint + "/v1/users", d.Endpoint + "/v1/replication/agreements"} {
		got := send(t, d, ask{method: http.MethodGet, url: url, header: http.Header{"Authorization": {good}}})
		got.refused(t, http.StatusUnauthorized, "no_token")
	}
	var page wire.Page[wire.AgreementView]
	d.Get("/v1/replication/agreements", &page)
	if len(page.Items) != 1 || page.Items[0].ReplicationIdentity != "replication/NYDC-FAKE-2" {
		t.Errorf("the agreement's view: %+v", page.Items)
	}
}

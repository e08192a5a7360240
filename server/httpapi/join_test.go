package httpapi_test

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func join(t *testing.T, d *testkit.DataCenter, text string) (out wire.Joined, err error) {
	t.Helper()
	_, err = d.Do(client.Request{Method: http.MethodPost, Path: "/v1/trust/join", In: wire.Join{Token: text}, Out: &out})
	return out, err
}

// TestDataCentersJoinByOneToken: one command, and each has the other as a partner with its root; nothing was copied but the token
// (OAM-39, OAM-42, MSS-10). They then work with one another: a replication agreement is made at once.
func TestDataCentersJoinByOneToken(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	ny.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	ld.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	made, _ := joinToken(t, ny, wire.JoinTokenRequest{Purpose: wire.JoinDataCenter, ClusterID: "ldc"})
	got, err := join(t, ld, made.Token)
	if err != nil {
		t.Fatal(err)
	}
	if got.ClusterID != "NYDC" || got.AgentID != testkit.AgentID || len(got.FingerprintsSHA256) != 1 || got.Primary[0] != ny.PeerAddress {
		t.Errorf("what came of it: %+v", got)
	}
	for _, d := range both {
		other := both[0]
		if d == ny {
			other = ld
		}
		var p wire.PartnerView
		d.Get("/v1/partners/"+other.ClusterID, &p)
		var c wire.TrustedCertificateView
		d.Get("/v1/trust/certificates/"+other.ClusterID, &c)
		if p.Primary[0] != other.PeerAddress || p.RESTEndpoint != other.Endpoint || c.Partner != other.ClusterID || c.CertificatePEM != other.CACertPEM {
			t.Errorf("at %s: %+v %+v", d.ClusterID, p, c)
		}
	}
	_, err = join(t, ld, made.Token)
	wantFault(t, err, fault.Conflict, "already_known")
	ld.Delete("/v1/partners/NYDC")
	ld.Delete("/v1/trust/certificates/NYDC")
	_, err = join(t, ld, made.Token)
	wantFault(t, err, fault.Forbidden, "join_token_used")
	// NYDC still knows LDC: a new token does not overwrite that, and is spent all the same.
	made, _ = joinToken(t, ny, wire.JoinTokenRequest{Purpose: wire.JoinDataCenter})
	_, err = join(t, ld, made.Token)
	wantFault(t, err, fault.Conflict, "already_known")
	_, err = join(t, ld, made.Token)
	wantFault(t, err, fault.Forbidden, "join_token_used")
	ny.Delete("/v1/partners/LDC")
	ny.Delete("/v1/trust/certificates/LDC")
	made, _ = joinToken(t, ny, wire.JoinTokenRequest{Purpose: wire.JoinDataCenter})
	if _, err := join(t, ld, made.Token); err != nil {
		t.Fatal(err)
	}
	ny.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "master"})
	ld.Put("/v1/data-center", wire.DataCenter{ClusterID: "LDC", Role: "clone"})
	if v := ny.Agree(ld); v.State != "ready" {
		t.Errorf("the agreement is %s", v.State)
	}
}

// TestJoinRefusesWhatIsNotMeant: before anything is written on either side.
func TestJoinRefusesWhatIsNotMeant(t *testing.T) {
	t.Parallel()
	all := testkit.Start(t, "NYDC", "LDC", "PARDC")
	ny, ld, par := all[0], all[1], all[2]
	text := func(change func(*wire.JoinToken)) string {
		_, token := joinToken(t, ny, wire.JoinTokenRequest{Purpose: wire.JoinDataCenter, ClusterID: "LDC"})
		change(&token)
		s, err := token.Text()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	agent, _ := joinToken(t, ny, wire.JoinTokenRequest{Purpose: wire.JoinAgent, Name: "a"})
	for name, c := range map[string]struct {
		at   *testkit.DataCenter
		text string
		kind fault.Kind
		code string
	}{
		"no token":            {ld, "concord", fault.Invalid, "invalid_input"},
		"for an agent":        {ld, agent.Token, fault.Conflict, "join_token_purpose"},
		"its own":             {ny, text(func(*wire.JoinToken) {}), fault.Conflict, "own_join_token"},
		"for another":         {par, text(func(*wire.JoinToken) {}), fault.Conflict, "join_token_other_data_center"},
		"for another, forged": {par, text(func(t *wire.JoinToken) { t.Name = "" }), fault.Forbidden, "join_token_other_data_center"},
		"wrong secret":        {ld, text(func(t *wire.JoinToken) { t.Secret = make([]byte, 32) }), fault.Forbidden, "join_token_refused"},
		"unknown":             {ld, text(func(t *wire.JoinToken) { t.ID = "x" }), fault.Forbidden, "join_token_refused"},
		"another root":        {ld, text(func(t *wire.JoinToken) { t.Roots = [][]byte{make([]byte, 32)} }), fault.Forbidden, "wrong_root"},
		"another's address":   {ld, text(func(t *wire.JoinToken) { t.Endpoints = []string{par.PeerAddress} }), fault.Forbidden, "wrong_root"},
		"another's name":      {ld, text(func(t *wire.JoinToken) { t.Issuer = "PARDC" }), fault.Forbidden, "wrong_root"},
		"web listener":        {ld, text(func(t *wire.JoinToken) { t.Endpoints = []string{strings.TrimPrefix(ny.Endpoint, "https://")} }), fault.NotFound, "no_such_route"},
		"nobody there":        {ld, text(func(t *wire.JoinToken) { t.Endpoints = []string{"127.0.0.1:1"} }), fault.Unavailable, "unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := join(t, c.at, c.text)
			wantFault(t, err, c.kind, c.code)
			for _, d := range all {
				var page wire.Page[wire.PartnerView]
				if d.Get("/v1/partners", &page); len(page.Items) != 0 {
					t.Errorf("%s has partners: %+v", d.ClusterID, page.Items)
				}
			}
		})
	}
}

// TestJoinNeedsModeCert: joining makes partners of mode cert. Where another mode is in force that is said before a token is made or
// spent, and before anything is written on either side (OAM-41).
func TestJoinNeedsModeCert(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	made, _ := joinToken(t, ny, wire.JoinTokenRequest{Purpose: wire.JoinDataCenter})
	mode := func(d *testkit.DataCenter, mode string) {
		d.Put("/v1/data-center", wire.DataCenter{ClusterID: d.ClusterID, Role: "master", SecurityMode: mode})
	}
	for _, at := range []*testkit.DataCenter{ld, ny} {
		mode(at, "simple")
		_, err := join(t, ld, made.Token)
		wantFault(t, err, fault.Conflict, "mode_mismatch")
		mode(at, "cert")
	}
	mode(ny, "simple")
	_, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/trust/join-tokens", In: wire.JoinTokenRequest{Purpose: wire.JoinDataCenter}})
	wantFault(t, err, fault.Conflict, "mode_mismatch")
	mode(ny, "cert")
	if _, err := join(t, ld, made.Token); err != nil {
		t.Errorf("the token was spent by what was refused: %v", err)
	}
}

// TestJoinProofIsBoundToItsConnection: whoever stands in between, and has seen everything but the secret, gets nothing for a proof of
// another connection, nor for another bundle with it.
func TestJoinProofIsBoundToItsConnection(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ld := both[0], both[1]
	var seen wire.PeerJoin
	mitm := between(t, ny, &seen)
	_, token := joinToken(t, ny, wire.JoinTokenRequest{Purpose: wire.JoinDataCenter, Endpoints: []string{mitm.address}})
	sum := sha256.Sum256(mitm.root.Raw)
	token.Roots = append(token.Roots, sum[:]) // even if the caller could be made to take the relay for NYDC
	text, err := token.Text()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := join(t, ld, text); err == nil {
		t.Fatalf("joined through a relay: %+v", out)
	}
	if len(seen.Proof) == 0 {
		t.Fatal("the relay saw no proof: the test proves nothing")
	}
	var page wire.Page[wire.PartnerView]
	if ny.Get("/v1/partners", &page); len(page.Items) != 0 {
		t.Errorf("a relayed proof was taken: %+v", page.Items)
	}
}

package httpapi_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const phrase, otherPhrase = "k7m2xq4tz-w3n6bv5rd-hj2sp7fgc", "c4v7rn2tq-m6hx3kd5w-b2zj7gsp4"

// counted joins with the length before each, as the proofs' inputs are written.
func counted(all ...[]byte) (out []byte) {
	for _, p := range all {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(p))), p...) //nolint:gosec // short texts
	}
	return out
}

func hmacOf(key []byte, all ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(counted(all...))
	return h.Sum(nil)
}

// sharedKey derives what both sides of FAKE and NYDC derive: written here once more, from the description.
func sharedKey(use, passphrase string) []byte {
	return argon2.IDKey([]byte(passphrase), counted([]byte(use), []byte("fake"), []byte("nydc")), 3, 64<<10, 4, 32)
}

// talk is one TLS 1.3 connection to a peer listener, without a certificate.
type talk struct {
	t    *testing.T
	conn *tls.Conn
	r    *bufio.Reader
}

func newTalk(t *testing.T, address string) *talk {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) //nolint:gosec // the test is a stranger
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &talk{t, conn, bufio.NewReader(conn)}
}

func (k *talk) exporter() []byte {
	k.t.Helper()
	cs := k.conn.ConnectionState()
	b, err := cs.ExportKeyingMaterial("EXPORTER-concord-pair", nil, 32)
	if err != nil {
		k.t.Fatal(err)
	}
	return b
}

func (k *talk) ask(method, path string, in any) answer {
	k.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		k.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(k.t.Context(), method, "https://nydc"+path, bytes.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if err := req.Write(k.conn); err != nil {
		k.t.Fatal(err)
	}
	res, err := http.ReadResponse(k.r, req)
	if err != nil {
		k.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(res.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return answer{status: res.StatusCode, header: res.Header, body: string(b)}
}

// attempt is what the test proves as FAKE, and what may be wrong with it.
type attempt struct {
	key, exporter      []byte // exporter nil: of the connection
	role, from, to     string
	bundle, sentBundle string
}

func (k *talk) pair(a attempt) (got answer, proof func(role string) []byte) {
	k.t.Helper()
	theirs := k.ask(http.MethodGet, "/peer/v1/bundle", nil).body
	if a.exporter == nil {
		a.exporter = k.exporter()
	}
	mine, other := sha256.Sum256([]byte(a.bundle)), sha256.Sum256([]byte(theirs))
	proof = func(role string) []byte {
		return hmacOf(a.key, []byte(role), a.exporter, []byte(a.from), []byte(a.to), mine[:], other[:])
	}
	if a.sentBundle == "" {
		a.sentBundle = a.bundle
	}
	return k.ask(http.MethodPost, "/peer/v1/pair", wire.PairRequest{ClusterID: "FAKE", Bundle: a.sentBundle, Proof: proof(a.role)}), proof
}

// bundleOf writes a SPIFFE bundle with the root of a made-up certificate.
func bundleOf(cert tls.Certificate) string {
	return fmt.Sprintf(`{"keys":[{"use":"x509-svid","kty":"EC","x5c":[%q]}],"spiffe_sequence":1}`, base64.StdEncoding.EncodeToString(cert.Certificate[1]))
}

// TestPairingOnTheWire: who knows the passphrase pairs, once, on its own connection, in its own role, for the bundles that it
// sends; nobody else does (SEC-40, MSS-07). Five proofs that fail close it, over a restart too, until a new version opens it. What was
// pinned is believed as a declared root is.
func TestPairingOnTheWire(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Now())
	d := testkit.StartWith(t, testkit.Options{Clock: now}, "NYDC")[0]
	cert := madeUp(t, "spiffe://fake/node/fake1")
	key := sharedKey("concord-pair-1", phrase)
	good := attempt{key: key, role: "A", from: "fake", to: "nydc", bundle: bundleOf(cert)}
	pair := func(a attempt) answer {
		now.Advance(2 * time.Second) // strangers may ask five times a second
		got, _ := newTalk(t, d.PeerAddress).pair(a)
		return got
	}
	pair(good).refused(t, http.StatusConflict, "mode_mismatch")
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "standalone", SecurityMode: "simple"})
	pair(good).refused(t, http.StatusForbidden, "not_a_partner")
	partner := wire.Partner{ClusterID: "FAKE", AgentID: testkit.AgentID, Primary: []string{"127.0.0.1:1"}}
	d.Put("/v1/partners/FAKE", partner)
	pair(good).refused(t, http.StatusConflict, "no_passphrase")
	profile := wire.PartnerProfile{AgentID: testkit.AgentID, Passphrase: phrase, PassphraseVersion: 1}
	d.Put("/v1/partner-profile", profile)

	wrong := map[string]func(*attempt){
		"another passphrase":        func(a *attempt) { a.key = sharedKey("concord-pair-1", otherPhrase) },
		"key of another use":        func(a *attempt) { a.key = sharedKey("concord-open-1", phrase) },
		"the other role":            func(a *attempt) { a.role = "B" },
		"the data centers swapped":  func(a *attempt) { a.from, a.to = a.to, a.from },
		"another bundle than sent":  func(a *attempt) { a.sentBundle = bundleOf(madeUp(t, "spiffe://fake/node/fake1")) },
		"of another connection":     func(a *attempt) { a.exporter = newTalk(t, d.PeerAddress).exporter() },
		"no proof worth the name":   func(a *attempt) { a.key = nil },
		"no authority in it, later": func(a *attempt) { a.bundle = `{"keys":[]}`; a.sentBundle = bundleOf(cert) },
	}
	version := int64(1)
	for name, spoil := range wrong { // each under a version of its own, or the fifth would close it
		version++
		profile.PassphraseVersion = version
		d.Put("/v1/partner-profile", profile)
		a := good
		spoil(&a)
		p := pair(a).refused(t, http.StatusForbidden, "wrong_passphrase")
		if strings.Contains(p.Detail, phrase) {
			t.Errorf("%s: the refusal tells the passphrase", name)
		}
	}
	bad := good
	bad.key = sharedKey("concord-pair-1", otherPhrase)
	for range 4 {
		pair(bad).refused(t, http.StatusForbidden, "wrong_passphrase")
	}
	if got := pair(good); got.header.Get("Retry-After") == "" {
		t.Errorf("no time to come back at: %v", got.header)
	} else {
		got.refused(t, http.StatusServiceUnavailable, "pairing_closed")
	}
	d.Stop()
	d.Start()
	pair(good).refused(t, http.StatusServiceUnavailable, "pairing_closed")
	profile.Passphrase = "" // as an apply that sends it not again
	d.Put("/v1/partner-profile", profile)
	pair(good).refused(t, http.StatusServiceUnavailable, "pairing_closed")
	now.Advance(15 * time.Minute)
	pair(bad).refused(t, http.StatusForbidden, "wrong_passphrase") // open again after the time
	profile.Passphrase, profile.PassphraseVersion = phrase, version+1
	d.Put("/v1/partner-profile", profile)

	got, proof := newTalk(t, d.PeerAddress).pair(good)
	var out wire.PairAnswer
	if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != http.StatusOK || !hmac.Equal(out.Proof, proof("B")) || hmac.Equal(out.Proof, proof("A")) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true} //nolint:gosec // the test trusts the address
	hello := func() int { return peer(t, d, cfg, http.MethodGet, "/peer/v1/hello", "").status }
	if got := hello(); got != http.StatusOK {
		t.Errorf("with a certificate below the pinned root: %d", got)
	}
	if got := pair(good); got.status != http.StatusOK {
		t.Errorf("the same roots again, as after a lost answer: %d %s", got.status, got.body)
	}
	now.Advance(16 * time.Minute)
	pair(good).refused(t, http.StatusConflict, "already_paired") // not for ever
	again := good
	again.bundle = bundleOf(madeUp(t, "spiffe://fake/node/fake1"))
	pair(again).refused(t, http.StatusConflict, "already_paired")
	d.Put("/v1/partner-profile", profile) // the same passphrase under the same version is no change
	pair(again).refused(t, http.StatusConflict, "already_paired")
	d.Stop()
	d.Start()
	pair(again).refused(t, http.StatusConflict, "already_paired")
	if got := hello(); got != http.StatusOK {
		t.Errorf("after a restart: %d", got)
	}
	profile.Passphrase, profile.PassphraseVersion = otherPhrase, version+2
	d.Put("/v1/partner-profile", profile)
	if got := pair(good); got.status != http.StatusOK { // the former passphrase, within the overlap
		t.Errorf("the former passphrase: %d %s", got.status, got.body)
	}
	d.Delete("/v1/partners/FAKE")
	d.Put("/v1/partners/FAKE", partner)
	var v wire.PartnerView
	if d.Get("/v1/partners/FAKE", &v); v.Paired || len(v.PinnedSHA256) != 0 {
		t.Errorf("what was pinned outlives the partner: %+v", v)
	}
	for _, secret := range []string{phrase, otherPhrase} {
		for _, path := range []string{"/v1/partner-profile", "/v1/partners/FAKE", "/v1/partners", "/v1/audit-events", "/v1/replication/changelog?after=0"} {
			if got := send(t, d, ask{method: http.MethodGet, url: d.Endpoint + path, header: http.Header{"Authorization": {"Bearer " + d.Token}}}); strings.Contains(got.body, secret) || strings.Contains(got.body, "wrapped") {
				t.Errorf("%s shows it: %s", path, got.body)
			}
		}
	}
}

// TestDowngrade is SEC-40 on the wire: nothing that a caller sends, and no partner record, moves a server below its own mode.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	d := testkit.StartWith(t, testkit.Options{AllowOpen: true}, "NYDC")[0]
	cfg := stranger(t, d)
	for _, mode := range []string{"cert", "simple"} {
		d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "standalone", SecurityMode: mode})
		pool := &http.Transport{DisableKeepAlives: true}
		for _, path := range []string{"/peer/v1/hello", "/peer/v1/bundle", "/peer/v1/hello?security_mode=open"} {
			res, err := (&http.Client{Transport: pool}).Get("http://" + d.PeerAddress + path)
			if err == nil {
				b, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if res.StatusCode != http.StatusBadRequest || res.Header.Get("X-Concord-Cluster") != "" {
					t.Errorf("%s without TLS: %d %s", mode, res.StatusCode, b)
				}
			}
		}
		old := cfg.Clone()
		old.MaxVersion = tls.VersionTLS12
		if conn, err := tls.Dial("tcp", d.PeerAddress, old); err == nil {
			_ = conn.Close()
			t.Errorf("%s: TLS 1.2 is taken", mode)
		}
		strange := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the test is the attacker
		h := http.Header{"X-Concord-Mode": {"open"}, "Security-Mode": {"open"}, "X-Concord-Proof": {proveOpen(sharedKey("concord-open-1", phrase), openAsk{method: http.MethodGet, target: "/peer/v1/hello"})}}
		send(t, d, ask{method: http.MethodGet, url: "https://" + d.PeerAddress + "/peer/v1/hello", header: h, tls: strange}).refused(t, http.StatusForbidden, "untrusted_certificate")
		if got := send(t, d, ask{method: http.MethodGet, url: "https://" + d.PeerAddress + "/peer/v1/hello", header: h, tls: cfg}); got.status != http.StatusOK || got.header.Get("X-Concord-Proof") != "" {
			t.Errorf("%s: a field in the request has an effect: %d %v", mode, got.status, got.header)
		}
		admin := http.Header{"Authorization": {"Bearer " + d.Token}, "Content-Type": {"application/json"}}
		for _, other := range []string{"open", "simple", "cert"} {
			body := fmt.Sprintf(`{"cluster_id":"FAKE","agent_id":"mesh","primary":["127.0.0.1:1"],"security_mode":%q}`, other)
			got := send(t, d, ask{method: http.MethodPut, url: d.Endpoint + "/v1/partners/FAKE", body: body, header: admin})
			if other == mode {
				if got.status != http.StatusOK {
					t.Errorf("%s registered with %s: %d %s", mode, other, got.status, got.body)
				}
				continue
			}
			p := got.refused(t, http.StatusConflict, "mode_mismatch")
			if !strings.Contains(p.Detail, "mode "+mode) || !strings.Contains(p.Detail, "with "+other) {
				t.Errorf("does not name both modes: %s", p.Detail)
			}
		}
		d.Put("/v1/partners/FAKE", wire.Partner{ClusterID: "FAKE", AgentID: testkit.AgentID, Primary: []string{"127.0.0.1:1"}})
	}
	// A record that stayed behind a change of the mode is of no use until it says the same.
	d.Put("/v1/partners/FAKE", wire.Partner{ClusterID: "FAKE", AgentID: testkit.AgentID, Primary: []string{"127.0.0.1:1"}, SecurityMode: "simple"})
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "standalone", SecurityMode: "cert"})
	peer(t, d, cfg, http.MethodGet, "/peer/v1/hello", "").refused(t, http.StatusForbidden, "mode_mismatch")
	var v wire.Validation
	d.Get("/v1/validate", &v)
	if !slices.ContainsFunc(v.Findings, func(f wire.Finding) bool { return f.Code == "mode_mismatch" && f.Severity == "error" }) {
		t.Errorf("not found by validate: %+v", v.Findings)
	}
}

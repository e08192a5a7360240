package topology_test

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

func (s *site) validator(version string, roots ...*x509.Certificate) *topology.Validator {
	s.w.t.Helper()
	v, err := topology.NewValidator(topology.ValidatorConfig{HasBlob: func(string) (bool, error) { return true, nil }, Log: s.log, ClusterID: s.id, Version: version, Hello: link{s.w, s.id}.Hello,
		Agreements: s.agreements, Majority: s.mastership.Majority, Roots: func() []*x509.Certificate { return roots }, Clock: clock.System{},
		Audit: func(store.Writer, topology.Actor, string, string) error { return nil }})
	must(s.w.t, err)
	return v
}

// Proves MSS-12's order (clones before their master) and CAMS-03's lesson (which versions work together), and the findings
// of an edge that only the partner's own word shows.
//
// In part or whole also OAM-12, OAM-41.
func TestEdgeFindings(t *testing.T) {
	for name, c := range map[string]struct {
		at, ours, theirs string
		hello            func(*topology.Hello)
		want             []string
	}{
		"same version":                 {at: "NYDC", ours: "1.4.2", theirs: "1.4.0"},
		"clone first":                  {at: "NYDC", ours: "1.4.2", theirs: "1.5.0"},
		"clone first, seen there":      {at: "LDC", ours: "1.5.0", theirs: "1.4.0"},
		"master first":                 {at: "NYDC", ours: "v1.5.0", theirs: "v1.4.9", want: []string{"upgrade_order"}},
		"master first, seen there":     {at: "LDC", ours: "1.4.0", theirs: "1.5.0", want: []string{"upgrade_order"}},
		"two apart":                    {at: "NYDC", ours: "1.4.2", theirs: "1.6.0", want: []string{"version_gap"}},
		"another major":                {at: "NYDC", ours: "2.0.0", theirs: "1.9.0", want: []string{"version_gap"}},
		"no release":                   {at: "NYDC", ours: "dev", theirs: "1.9.0"},
		"second master":                {at: "NYDC", hello: func(h *topology.Hello) { h.Role = mdc.RoleMaster }, want: []string{"second_master"}},
		"it would acknowledge others":  {at: "NYDC", hello: func(h *topology.Hello) { h.WriteRequires = mdc.WriteMajority }, want: []string{"write_requires_differs"}},
		"older, it says nothing of it": {at: "NYDC", hello: func(h *topology.Hello) { h.WriteRequires = "" }},
		"clock a little off":           {at: "NYDC", hello: func(h *topology.Hello) { h.Time = h.Time.Add(-3 * time.Second) }, want: []string{"clock_skew"}},
		"clock far off":                {at: "NYDC", hello: func(h *topology.Hello) { h.Time = h.Time.Add(time.Hour) }, want: []string{"clock_skew"}},
		"another answers":              {at: "NYDC", hello: func(h *topology.Hello) { h.ClusterID = "TDC" }, want: []string{"wrong_cluster"}},
		"wrong agent id":               {at: "NYDC", hello: func(h *topology.Hello) { h.AgentID = "x" }, want: []string{"wrong_agent_id"}},
		"changed by itself":            {at: "NYDC", hello: func(h *topology.Hello) { h.Edits = 1 }, want: []string{"clone_diverged"}},
		"no management":                {at: "NYDC", hello: func(h *topology.Hello) { h.AllowManagement = false }, want: []string{"management_not_allowed"}},
		"another mode there":           {at: "NYDC", hello: func(h *topology.Hello) { h.SecurityMode = mdc.ModeSimple }, want: []string{"mode_mismatch"}},
		"its certificate has expired":  {at: "NYDC", hello: func(h *topology.Hello) { h.CertificateExpiresAt = time.Unix(1, 0) }, want: []string{"certificate_expired"}},
		"a certificate that it renews": {at: "NYDC", hello: func(h *topology.Hello) { h.CertificateExpiresAt = time.Now().Add(time.Hour) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ny, ld := w.site("NYDC"), w.site("LDC")
			w.linked(ny, ld)
			for _, s := range []*site{ny, ld} {
				must(t, s.put(&mdc.TrustedCertificate{Name: "root", CertificatePEM: rootPEM}, mdc.TrustedCertificateKind()))
			}
			_, err := ny.create(agreement("x", "NYDC", "LDC"))
			must(t, err)
			w.disguise(func(h *topology.Hello) {
				h.Version = c.theirs
				if c.hello != nil {
					c.hello(h)
				}
			})
			at := ny
			if c.at == "LDC" {
				at = ld
			}
			found, err := at.validator(c.ours).Check(t.Context())
			must(t, err)
			var codes []string
			for _, f := range found {
				codes = append(codes, f.Code)
			}
			if !slices.Equal(codes, c.want) {
				t.Errorf("found %+v, want %v", found, c.want)
			}
		})
	}
}

// Roots are what nobody renews by itself: they are warned of for 30 days.
func TestExpiringRoots(t *testing.T) {
	w := newWorld(t)
	ny := w.site("NYDC")
	for left, want := range map[time.Duration]string{-time.Hour: "certificate_expired", 29 * 24 * time.Hour: "certificate_expires", 31 * 24 * time.Hour: ""} {
		found, err := ny.validator("1.0.0", &x509.Certificate{NotAfter: time.Now().Add(left)}).Check(t.Context())
		must(t, err)
		if got := len(found); got != map[bool]int{true: 1}[want != ""] || got == 1 && found[0].Code != want {
			t.Errorf("%s left: %+v, want %q", left, found, want)
		}
	}
}

// What is known of a partner survives a restart, but for whether it answers.
func TestPartnerStateSurvivesRestart(t *testing.T) {
	w := newWorld(t)
	ny, ld := w.site("NYDC"), w.site("LDC")
	w.linked(ny, ld)
	eventually(t, "a hello", func() bool { return ny.partners.State("LDC").Reachable })
	w.set(w.cut, "NYDC>LDC", true)
	eventually(t, "a failure", func() bool { return !ny.partners.State("LDC").Reachable })
	before := ny.partners.State("LDC")
	ny.close()
	ny.open()
	eventually(t, "what was known", func() bool {
		now := ny.partners.State("LDC")
		return now.LastSuccess.Equal(before.LastSuccess) && now.LastError == before.LastError && !now.Reachable && now.CertificateExpiresAt.Equal(before.CertificateExpiresAt)
	})
}

// rootPEM is some root, valid for a hundred years.
const rootPEM = `-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUYClW/DP9WrmkE+/08lM0K5UvP8cwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGYSByb290MCAXDTI2MTEyMjA4MDEzMFoYDzIxMjYxMDI5MDgw
MTMwWjARMQ8wDQYDVQQDDAZhIHJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATnhrIaEeMWVf8qUWzJhXuauOlvlswPBpnyfdipqtpJOayv/Z7Kfz3Od3hbtipy
cQEf5N+HY84HU0TvA4kFUhPco1MwUTAdBgNVHQ4EFgQU97BXh1G5hCemiUtGTovK
iFM9Y5swHwYDVR0jBBgwFoAU97BXh1G5hCemiUtGTovKiFM9Y5swDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAfkzHYCMhJZYoCOiAvMrrv6mggRs3g
GRn0miJt/foXDQIhALBrc6q6RKZRBhaLgNkkoxiYkvnTAegdbpVJkBH91ip6
-----END CERTIFICATE-----
`

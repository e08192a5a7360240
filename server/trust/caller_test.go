package trust_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// TestCallerTable is SEC-41 for administrators and agents: certificates that some trusted authority did sign, and that speak for
// nobody, or for somebody else, at the admin or the runtime listener.
func TestCallerTable(t *testing.T) {
	t.Parallel()
	now := time.Now()
	own, partner, unknown, operator := newAuthority(t, "dc0 root", nil, now), newAuthority(t, "dc1 root", nil, now), newAuthority(t, "dc9 root", nil, now), newAuthority(t, "operator", nil, now)
	issuing := newAuthority(t, "dc0 issuing", own, now)
	d := &declared{partners: partners("DC1", "dc2"), certificates: []mdc.TrustedCertificate{trusted("dc1", partner.cert)}}
	var taken atomic.Pointer[x509.Certificate]
	s, err := trust.New(t.Context(), trust.Config{ClusterID: "DC0", Source: d, Clock: clock.NewManual(now), Certificate: func() *tls.Certificate { return nil },
		Roots: func() []*x509.Certificate { return []*x509.Certificate{own.cert} },
		Revoked: func(clusterID string, leaf *x509.Certificate) bool {
			return clusterID == "DC0" && leaf.Equal(taken.Load())
		}})
	if err != nil {
		t.Fatal(err)
	}
	operators := x509.NewCertPool()
	operators.AddCert(operator.cert)
	raw := func(names ...string) *tls.Certificate { return issuing.leafOf(t, "", now, rawSAN(t, names...)) }
	sound, agent := issuing.leafOf(t, "spiffe://dc0/admin/ann", now, nil), issuing.leafOf(t, "spiffe://dc0/agent/web-1", now, nil)
	revoked := issuing.leafOf(t, "spiffe://dc0/admin/ann", now, nil)
	taken.Store(revoked.Leaf)
	for name, c := range map[string]struct {
		leaf *tls.Certificate
		role trust.Role
		code string
		want string // cluster id and name
	}{
		"administrator":                  {sound, trust.Administrator, "", "DC0 ann"},
		"agent":                          {agent, trust.Agent, "", "DC0 web-1"},
		"partner's agent":                {partner.leafOf(t, "spiffe://dc1/agent/web-1", now, nil), trust.Agent, "", "DC1 web-1"},
		"operator's administrator":       {operator.leafOf(t, "spiffe://dc0/admin/ann", now, nil), trust.Administrator, "", "DC0 ann"},
		"name with signs":                {issuing.leafOf(t, "spiffe://dc0/admin/ann.o-x_1@example.com", now, nil), trust.Administrator, "", "DC0 ann.o-x_1@example.com"},
		"agent as administrator":         {agent, trust.Administrator, trust.CodeWrongIdentity, ""},
		"administrator as agent":         {sound, trust.Agent, trust.CodeWrongIdentity, ""},
		"node as administrator":          {issuing.leafOf(t, "spiffe://dc0/node/n1", now, nil), trust.Administrator, trust.CodeWrongIdentity, ""},
		"node as agent":                  {issuing.leafOf(t, "spiffe://dc0/node/n1", now, nil), trust.Agent, trust.CodeWrongIdentity, ""},
		"partner's administrator":        {partner.leafOf(t, "spiffe://dc1/admin/ann", now, nil), trust.Administrator, trust.CodeWrongIdentity, ""},
		"partner names our agent":        {partner.leafOf(t, "spiffe://dc0/agent/web-1", now, nil), trust.Agent, trust.CodeUntrustedCertificate, ""},
		"partner names our admin":        {partner.leafOf(t, "spiffe://dc0/admin/ann", now, nil), trust.Administrator, trust.CodeUntrustedCertificate, ""},
		"we name the partner's agent":    {issuing.leafOf(t, "spiffe://dc1/agent/web-1", now, nil), trust.Agent, trust.CodeUntrustedCertificate, ""},
		"operator names partner's agent": {operator.leafOf(t, "spiffe://dc1/agent/web-1", now, nil), trust.Agent, trust.CodeUntrustedCertificate, ""},
		"partner without anchors":        {newAuthority(t, "dc2", nil, now).leafOf(t, "spiffe://dc2/agent/web-1", now, nil), trust.Agent, trust.CodeUntrustedCertificate, ""},
		"no partner":                     {unknown.leafOf(t, "spiffe://dc9/agent/web-1", now, nil), trust.Agent, trust.CodeNotAPartner, ""},
		"stranger names our admin":       {unknown.leafOf(t, "spiffe://dc0/admin/ann", now, nil), trust.Administrator, trust.CodeUntrustedCertificate, ""},
		"revoked":                        {revoked, trust.Administrator, trust.CodeRevokedCertificate, ""},
		"two names":                      {raw("spiffe://dc0/admin/ann", "spiffe://dc0/admin/bob"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"the same name twice":            {raw("spiffe://dc0/admin/ann", "spiffe://dc0/admin/ann"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"both roles":                     {raw("spiffe://dc0/admin/ann", "spiffe://dc0/agent/web-1"), trust.Agent, trust.CodeWrongIdentity, ""},
		"upper-case cluster":             {raw("spiffe://DC0/admin/ann"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"upper-case scheme":              {raw("SPIFFE://dc0/admin/ann"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"upper-case role":                {raw("spiffe://dc0/Admin/ann"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"escape":                         {raw("spiffe://dc0/admin/%61nn"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"escaped slash":                  {raw("spiffe://dc0/admin%2Fann"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"longer path":                    {raw("spiffe://dc0/admin/ann/x"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"way up":                         {raw("spiffe://dc0/agent/x/../../admin/ann"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"no name":                        {raw("spiffe://dc0/admin/"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"fragment":                       {raw("spiffe://dc0/admin/ann#"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"port":                           {raw("spiffe://dc0:443/admin/ann"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"sub-domain":                     {raw("spiffe://x.dc0/admin/ann"), trust.Administrator, trust.CodeWrongIdentity, ""},
		"agent with a dot":               {raw("spiffe://dc0/agent/web.1"), trust.Agent, trust.CodeWrongIdentity, ""},
		"common name only": {issuing.leafOf(t, "", now, func(c *x509.Certificate) { c.Subject.CommonName = "spiffe://dc0/admin/ann" }),
			trust.Administrator, trust.CodeWrongIdentity, ""},
		"DNS name only": {issuing.leafOf(t, "", now, func(c *x509.Certificate) { c.DNSNames = []string{"ann"} }), trust.Administrator, trust.CodeWrongIdentity, ""},
		"for servers only": {issuing.leafOf(t, "spiffe://dc0/admin/ann", now, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}), trust.Administrator, trust.CodeUntrustedCertificate, ""},
		"for any use": {issuing.leafOf(t, "spiffe://dc0/admin/ann", now, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		}), trust.Administrator, trust.CodeUntrustedCertificate, ""},
		"an authority": {issuing.leafOf(t, "spiffe://dc0/admin/ann", now, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }),
			trust.Administrator, trust.CodeUntrustedCertificate, ""},
		"expired": {issuing.leafOf(t, "spiffe://dc0/admin/ann", now, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }),
			trust.Administrator, trust.CodeExpiredCertificate, ""},
		"not yet valid": {issuing.leafOf(t, "spiffe://dc0/admin/ann", now, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }),
			trust.Administrator, trust.CodeExpiredCertificate, ""},
		"a key of 224 bits":  {issuing.leafOn(t, elliptic.P224(), "spiffe://dc0/admin/ann", now, nil), trust.Administrator, trust.CodeUntrustedCertificate, ""},
		"without its issuer": {alone(issuing.leafOf(t, "spiffe://dc0/admin/ann", now, nil)), trust.Administrator, trust.CodeUntrustedCertificate, ""},
		"nine certificates":  {padded(issuing.leafOf(t, "spiffe://dc0/admin/ann", now, nil)), trust.Administrator, trust.CodeUntrustedCertificate, ""},
		"nothing":            {&tls.Certificate{}, trust.Administrator, trust.CodeUntrustedCertificate, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second answer may come from what is kept
				got, err := s.VerifyCaller(state(t, c.leaf), c.role, operators)
				if fault.CodeOf(err) != c.code || err != nil && !fault.Is(err, fault.Unauthenticated) {
					t.Fatalf("got %q (%v), want %q", fault.CodeOf(err), err, c.code)
				}
				if err == nil && got.ClusterID+" "+got.Name != c.want {
					t.Errorf("caller %+v", got)
				}
			}
		})
	}
	operators2 := x509.NewCertPool() // as after a reload of the operator's file, from which the root is gone
	if _, err := s.VerifyCaller(state(t, operator.leafOf(t, "spiffe://dc0/admin/ann", now, nil)), trust.Administrator, operators2); fault.CodeOf(err) != trust.CodeUntrustedCertificate {
		t.Errorf("an operator's root that is gone: %v", err)
	}
	taken.Store(sound.Leaf)
	if _, err := s.VerifyCaller(state(t, sound), trust.Administrator, operators); fault.CodeOf(err) != trust.CodeRevokedCertificate {
		t.Errorf("revoked after it was kept: %v", err)
	}
}

// TestAgentOfARemovedPartner: who was accepted is refused as soon as the partner, or its anchor, is gone (SEC-43).
func TestAgentOfARemovedPartner(t *testing.T) {
	t.Parallel()
	now := time.Now()
	partner := newAuthority(t, "dc1 root", nil, now)
	for name, remove := range map[string]func(*declared){
		"partner": func(d *declared) { d.partners = nil },
		"anchor":  func(d *declared) { d.certificates = nil },
		"source":  func(d *declared) { d.err = x509.ErrUnsupportedAlgorithm },
	} {
		t.Run(name, func(t *testing.T) {
			d := &declared{partners: partners("dc1"), certificates: []mdc.TrustedCertificate{trusted("dc1", partner.cert)}}
			s, leaf := newStore(t, d, clock.NewManual(now)), partner.leafOf(t, "spiffe://dc1/agent/a", now, nil)
			if _, err := s.VerifyCaller(state(t, leaf), trust.Agent, nil); err != nil {
				t.Fatal(err)
			}
			d.set(remove)
			_ = s.Reload(t.Context())
			if _, err := s.VerifyCaller(state(t, leaf), trust.Agent, nil); err == nil {
				t.Error("still accepted")
			}
		})
	}
}

// TestHints: a client is told whose certificates are of use, and only of those, so that a browser with others asks nobody; and one
// with no certificate gets through.
func TestHints(t *testing.T) {
	t.Parallel()
	now := time.Now()
	own, partner, operator := newAuthority(t, "dc0 root", nil, now), newAuthority(t, "dc1 root", nil, now), newAuthority(t, "operator", nil, now)
	d := &declared{partners: partners("dc1")}
	s, err := trust.New(t.Context(), trust.Config{ClusterID: "dc0", Source: d, Certificate: func() *tls.Certificate { return nil },
		Roots: func() []*x509.Certificate { return []*x509.Certificate{own.cert} }})
	if err != nil {
		t.Fatal(err)
	}
	base := &tls.Config{NextProtos: []string{"h2"}, Certificates: []tls.Certificate{*own.leafOf(t, "", now, func(c *x509.Certificate) { c.DNSNames = []string{"x"} })}}
	told := func(cfg *tls.Config) (names []string) {
		t.Helper()
		for _, dn := range hintsOf(t, cfg) {
			for _, a := range []*authority{own, partner, operator} {
				if bytes.Equal(dn, a.cert.RawSubject) {
					names = append(names, a.cert.Subject.CommonName)
				}
			}
		}
		return names
	}
	runtime := s.HintingTLS(base, true, nil)
	if got := strings.Join(told(runtime), ","); got != "dc0 root" {
		t.Errorf("before the partner's root is declared: %q", got)
	}
	d.set(func(d *declared) { d.certificates = []mdc.TrustedCertificate{trusted("dc1", partner.cert)} })
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(told(runtime), ","); got != "dc0 root,dc1 root" {
		t.Errorf("runtime: %q", got)
	}
	if got := strings.Join(told(s.HintingTLS(base, false, func() []*x509.Certificate { return []*x509.Certificate{operator.cert} })), ","); got != "dc0 root,operator" {
		t.Errorf("admin: %q", got)
	}
}

// TestHintsThatDoNotFit: partners choose the names of their roots. However long those are, the handshakes of everybody else at a
// listener that names them go on, without names (SEC-41, SEC-64).
func TestHintsThatDoNotFit(t *testing.T) {
	t.Parallel()
	now := time.Now()
	own := newAuthority(t, "dc0 root", nil, now)
	d := &declared{partners: partners("dc1")}
	for i := range 6 { // what one partner can bring by a pairing and a bundle
		long := newAuthority(t, fmt.Sprint(i)+strings.Repeat("n", 12<<10), nil, now)
		d.certificates = append(d.certificates, trusted("dc1", long.cert))
	}
	s, err := trust.New(t.Context(), trust.Config{ClusterID: "dc0", Source: d, Certificate: func() *tls.Certificate { return nil },
		Roots: func() []*x509.Certificate { return []*x509.Certificate{own.cert} }})
	if err != nil {
		t.Fatal(err)
	}
	base := &tls.Config{NextProtos: []string{"h2"}, Certificates: []tls.Certificate{*own.leafOf(t, "", now, func(c *x509.Certificate) { c.DNSNames = []string{"x"} })}}
	if got := hintsOf(t, s.HintingTLS(base, true, nil)); len(got) != 0 {
		t.Errorf("names that do not fit: %d", len(got))
	}
	if got := hintsOf(t, s.HintingTLS(base, false, nil)); len(got) != 1 {
		t.Errorf("a listener without partners names %d, not our root alone", len(got))
	}
}

// hintsOf connects without a certificate and gives what the server asked for.
func hintsOf(t *testing.T, cfg *tls.Config) (hints [][]byte) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = c.(*tls.Conn).HandshakeContext(t.Context())
			_ = c.Close()
		}
		done <- err
	}()
	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"},
		GetClientCertificate: func(i *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			hints = i.AcceptableCAs
			return &tls.Certificate{}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	if c.ConnectionState().NegotiatedProtocol != "h2" {
		t.Error("the application protocol got lost")
	}
	_ = c.Close()
	if err := <-done; err != nil {
		t.Errorf("a client without a certificate: %v", err)
	}
	return hints
}

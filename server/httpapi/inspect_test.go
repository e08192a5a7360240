package httpapi_test

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// tlsServer answers over TLS as cfg says, and counts requests.
func tlsServer(t *testing.T, cfg *tls.Config, h http.Handler) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, TLSConfig: cfg, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.ServeTLS(l, "", "")
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return l.Addr().String()
}

func inspect(t *testing.T, d *testkit.DataCenter, in wire.TrustInspect) (v wire.TrustInspection, err error) {
	t.Helper()
	_, err = d.Do(client.Request{Method: http.MethodPost, Path: "/v1/trust/inspect", In: in, Out: &v})
	return v, err
}

// TestInspect shows what servers of several kinds present: a peer listener before and after it is trusted, one that wants a client
// certificate, one that speaks TLS 1.2. Nothing is trusted by it, and no request is sent (MSS-10).
func TestInspect(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := both[0], both[1]
	var own wire.TrustBundle
	ldn.Get("/v1/trust/bundle", &own)
	v, err := inspect(t, ny, wire.TrustInspect{Address: ldn.PeerAddress, Bundle: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Certificates) != 2 || v.TLSVersion != "TLS 1.3" || v.Partner != "" || !strings.Contains(v.Reason, "not registered") || len(v.LeadsTo) != 0 {
		t.Errorf("before anything is declared: %+v", v)
	}
	leaf := v.Certificates[0]
	if leaf.Kind != "server" || len(leaf.URIs) != 1 || leaf.URIs[0] != "spiffe://ldc/node/ldc1" || len(leaf.FingerprintSHA256) != 64 || len(leaf.SPKISHA256) != 64 || !strings.HasPrefix(leaf.PublicKey, "ECDSA") || !leaf.NotBefore.Before(leaf.ExpiresAt) {
		t.Errorf("the leaf: %+v", leaf)
	}
	if len(v.Bundle) != 1 || v.Bundle[0].FingerprintSHA256 != own.FingerprintsSHA256[0] || v.Bundle[0].Kind != "root" || strings.TrimSpace(v.Bundle[0].CertificatePEM) != strings.TrimSpace(own.CertificatePEM) {
		t.Errorf("the bundle: %+v", v.Bundle)
	}
	var trusted wire.Page[wire.TrustedCertificateView]
	if ny.Get("/v1/trust/certificates", &trusted); len(trusted.Items) != 0 {
		t.Errorf("an inspection trusts: %+v", trusted.Items)
	}
	ny.Trusts(ldn)
	v, err = inspect(t, ny, wire.TrustInspect{Address: ldn.PeerAddress})
	if err != nil || v.Partner != "LDC" || v.Reason != "" || len(v.LeadsTo) != 1 || v.LeadsTo[0] != (wire.TrustAnchor{Name: "LDC", Partner: "LDC"}) || len(v.Bundle) != 0 {
		t.Errorf("of a partner: %+v, %v", v, err)
	}
	cert := madeUp(t, "spiffe://fra/node/fra1")
	asked := 0
	nobody := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ })
	for name, cfg := range map[string]*tls.Config{
		"one that wants a certificate":       {Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert},
		"one that wants one, in TLS 1.2":     {Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12},
		"one that speaks TLS 1.2":            {Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12},
		"one that speaks HTTP/1.1 over it":   {Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}},
		"one that presents a long chain too": {Certificates: []tls.Certificate{long(cert)}},
	} {
		v, err := inspect(t, ny, wire.TrustInspect{Address: tlsServer(t, cfg, nobody)})
		if err != nil || len(v.Certificates) == 0 || len(v.Certificates) > 16 || v.Certificates[0].URIs[0] != "spiffe://fra/node/fra1" {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	if asked != 0 {
		t.Errorf("%d requests were sent", asked)
	}
}

func long(c tls.Certificate) tls.Certificate {
	for range 20 {
		c.Certificate = append(c.Certificate, c.Certificate[1])
	}
	return c
}

// TestInspectRefuses: addresses that are none, that the rule does not allow (SEC-48), and what answers but shows nothing.
func TestInspectRefuses(t *testing.T) {
	d := start(t)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Close() })
	go func() {
		for {
			c, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "220 mail.example.com ESMTP ready\r\n")
			_ = c.Close()
		}
	}()
	cert := madeUp(t, "spiffe://fra/node/fra1")
	moved := 0
	inner := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{cert}}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { moved++ }))
	redirects := tlsServer(t, &tls.Config{Certificates: []tls.Certificate{cert}}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+inner+"/peer/v1/bundle", http.StatusFound)
	}))
	for _, c := range []struct {
		name   string
		in     wire.TrustInspect
		status int
		code   string
	}{
		{"nothing", wire.TrustInspect{}, 400, "invalid_input"},
		{"a name alone", wire.TrustInspect{Address: "ldc.example.com"}, 400, "invalid_input"},
		{"no port", wire.TrustInspect{Address: "ldc.example.com:0"}, 400, "invalid_input"},
		{"a URL", wire.TrustInspect{Address: "https://ldc.example.com:443"}, 400, "invalid_input"},
		{"another scheme", wire.TrustInspect{Address: "gopher://ldc.example.com:70"}, 400, "invalid_input"},
		{"a path behind it", wire.TrustInspect{Address: "127.0.0.1:443/x"}, 400, "invalid_input"},
		{"a user before it", wire.TrustInspect{Address: "a@127.0.0.1:443"}, 400, "invalid_input"},
		{"lines", wire.TrustInspect{Address: "127.0.0.1\r\nx:443"}, 400, "invalid_input"},
		{"endless", wire.TrustInspect{Address: strings.Repeat("a", 400) + ":443"}, 400, "invalid_input"},
		{"a cloud's credentials", wire.TrustInspect{Address: "169.254.169.254:80"}, 503, "address_refused"},
		{"the same within IPv6", wire.TrustInspect{Address: "[::ffff:169.254.169.254]:80"}, 503, "address_refused"},
		{"a link", wire.TrustInspect{Address: "[fe80::1]:443"}, 503, "address_refused"},
		{"everybody", wire.TrustInspect{Address: "224.0.0.1:443"}, 503, "address_refused"},
		{"itself by no address", wire.TrustInspect{Address: "0.0.0.0:443"}, 503, "address_refused"},
		{"no TLS", wire.TrustInspect{Address: plain.Addr().String()}, 503, "no_tls"},
		{"nobody", wire.TrustInspect{Address: "127.0.0.1:1"}, 503, "unreachable"},
		{"an older TLS", wire.TrustInspect{Address: tlsServer(t, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, http.NotFoundHandler())}, 503, "no_tls"},
		{"the bundle of no peer listener", wire.TrustInspect{Bundle: true, Address: tlsServer(t, &tls.Config{Certificates: []tls.Certificate{cert}}, http.NotFoundHandler())}, 503, "no_bundle"},
		{"a redirect to an inner address", wire.TrustInspect{Bundle: true, Address: redirects}, 503, "no_bundle"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := inspect(t, d, c.in)
			wantCode(t, err, c.status, c.code)
		})
	}
	if moved != 0 {
		t.Error("the redirect was followed")
	}
}

// TestInspectionsAreBounded: servers that take a connection and say nothing hold few turns, and further callers are told at once.
func TestInspectionsAreBounded(t *testing.T) {
	d := start(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	answers := make(chan error, 16)
	for range cap(answers) {
		go func() {
			_, err := d.Admin().Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/v1/trust/inspect", In: wire.TrustInspect{Address: silent.Addr().String()}})
			answers <- err
		}()
	}
	codes := map[string]int{}
	for range cap(answers) {
		codes[codeOf(<-answers)]++
	}
	if codes["too_many_inspections"] == 0 || codes["no_tls"] == 0 || codes["no_tls"]+codes["too_many_inspections"] != cap(answers) {
		t.Errorf("%v", codes)
	}
}

// TestPastedKeyIsNotRepeated: a private key in the place of a certificate, in any form and in any attribute, is refused, and stands
// neither in the answer, nor in the log, nor in what is kept (SEC-68, MSS-10).
func TestPastedKeyIsNotRepeated(t *testing.T) {
	t.Parallel()
	for name, key := range keyForms(t) {
		t.Run(name, func(t *testing.T) {
			logged := &record{}
			d := testkit.StartWith(t, testkit.Options{Logger: logged.logger()}, "NYDC")[0]
			in := wire.TrustedCertificate{Name: "x", CertificatePEM: key}
			_, err := d.Do(client.Request{Method: http.MethodPut, Path: "/v1/trust/certificates/x", In: in})
			wantCode(t, err, 400, "invalid_input")
			texts := []string{err.Error()}
			if !strings.Contains(err.Error(), "private key") {
				t.Errorf("it does not say what it is: %v", err)
			}
			for _, in := range []wire.TrustedCertificate{{Name: key, CertificatePEM: d.CACertPEM}, {Name: "x", CertificatePEM: d.CACertPEM, Partner: key}} {
				_, err := d.Do(client.Request{Method: http.MethodPut, Path: "/v1/trust/certificates/x", In: in})
				if err == nil {
					t.Fatal("taken")
				}
				texts = append(texts, err.Error())
			}
			_, err = d.Do(client.Request{Method: http.MethodPost, Path: "/v1/trust/inspect", In: wire.TrustInspect{Address: key}})
			texts = append(texts, err.Error(), logged.text())
			for _, text := range texts {
				for at := 0; at+24 <= len(key); at += 24 {
					if piece := key[at : at+24]; !strings.Contains(piece, "---") && strings.Contains(text, piece) {
						t.Fatalf("the key is repeated (%q) in: %.300s", piece, text)
					}
				}
			}
		})
	}
}

// keyForms are one private key in the forms in which people have it.
func keyForms(t *testing.T) map[string]string {
	t.Helper()
	pkcs8, sec1, pkcs1 := keys(t)
	frame := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return map[string]string{
		"PKCS #8":               frame("PRIVATE KEY", pkcs8),
		"SEC 1":                 frame("EC PRIVATE KEY", sec1),
		"PKCS #1":               frame("RSA PRIVATE KEY", pkcs1),
		"OpenSSH":               frame("OPENSSH PRIVATE KEY", append([]byte("openssh-key-v1\x00"), pkcs8...)),
		"in another frame":      frame("CERTIFICATE", pkcs8),
		"behind a certificate":  "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n" + frame("PRIVATE KEY", pkcs8),
		"frame in small":        strings.ReplaceAll(frame("PRIVATE KEY", pkcs8), "PRIVATE KEY", "private key"),
		"base64 without frame":  unframed(pkcs8),
		"base64 of RSA":         unframed(pkcs1),
		"PuTTY":                 "PuTTY-User-Key-File-3: ecdsa-sha2-nistp256\nPrivate-Lines: 1\n" + unframed(sec1),
		"encrypted, as PKCS #8": frame("ENCRYPTED PRIVATE KEY", pkcs8),
	}
}

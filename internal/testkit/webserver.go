package testkit

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// WebServer is a real web server in front of an application, set up as the repository's examples say.
type WebServer struct {
	Address string // host:port
	Origin  string // https://host:port
	CertPEM string // which a browser has to trust
}

// Site says what a web server stands between.
type Site struct {
	Application   string // host:port of the application
	Agent, Secret string
	Runtime       string // host:port of a runtime listener
	CACertPEM     string
}

// NewSite picks the address at which a web server will answer, which its agent has to have among its hosts.
func NewSite(t testing.TB) (address string) { return freeAddress(t) }

// Nginx runs nginx with the files of examples/forward-auth/nginx.
func Nginx(t testing.TB, address string, s Site) *WebServer {
	t.Helper()
	program := Tool(t, "apt-get install nginx-light", "nginx", "/usr/sbin/nginx")
	dir := s.layOut(t, "nginx", address)
	return serve(t, address, dir, nginx(t, program, dir, "nginx.conf"))
}

// nginx is the program with a file of dir, and its temporary files there, where everybody may write.
func nginx(t testing.TB, program, dir, conf string) *exec.Cmd {
	t.Helper()
	temporary := "http {\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += "    " + kind + "_temp_path " + kind + ";\n"
	}
	replace(t, filepath.Join(dir, conf), "http {\n", temporary)
	return exec.Command(program, "-p", dir, "-c", filepath.Join(dir, conf), "-e", "stderr") //nolint:gosec // a tool that was looked for
}

// Caddy runs Caddy with examples/forward-auth/caddy.
func Caddy(t testing.TB, address string, s Site) *WebServer {
	t.Helper()
	program := Tool(t, "apt-get install caddy", "caddy")
	dir := s.layOut(t, "caddy", address)
	replace(t, filepath.Join(dir, "Caddyfile"), "auto_https disable_redirects", "auto_https disable_redirects\n\tadmin off")
	cmd := exec.Command(program, "run", "--config", "Caddyfile", "--adapter", "caddyfile") //nolint:gosec // a tool that was looked for
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	return serve(t, address, dir, cmd)
}

func (s Site) layOut(t testing.TB, example, address string) (dir string) {
	t.Helper()
	return layOut(t, filepath.Join("forward-auth", example), s.CACertPEM,
		map[string]string{"127.0.0.1:7401": s.Runtime, "127.0.0.1:7405": address, "127.0.0.1:7406": s.Application, "web-nydc": s.Agent, "at-least-16-characters": s.Secret})
}

// layOut copies an example and puts the test's addresses and secrets in the place of the example's, each of which has to be there. A
// certificate of its own and the roots of who answers lie beside it.
func layOut(t testing.TB, example, roots string, all map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(repository(), "examples", example))); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for old, now := range all {
			found[old] = found[old] || bytes.Contains(b, []byte(old))
			b = bytes.ReplaceAll(b, []byte(old), []byte(now))
		}
		return os.WriteFile(path, b, 0o644) //nolint:gosec // the server's user reads it
	})
	if err != nil {
		t.Fatal(err)
	}
	for old := range all {
		if !found[old] {
			t.Fatalf("example %s does not name %s any more", example, old)
		}
	}
	cert, key := selfSigned(t)
	for name, text := range map[string]string{"site.pem": cert, "site.key": key, "site.pem.key": key, "ca.pem": roots} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // a test's own
			t.Fatal(err)
		}
	}
	return dir
}

func replace(t testing.TB, file, old, now string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(b, []byte(old)) {
		t.Fatalf("%s has no %q (%v)", file, old, err)
	}
	if err := os.WriteFile(file, bytes.Replace(b, []byte(old), []byte(now), 1), 0o644); err != nil { //nolint:gosec // a test's own
		t.Fatal(err)
	}
}

// serve starts the program and waits until its TLS answers.
func serve(t testing.TB, address, dir string, cmd *exec.Cmd) *WebServer {
	t.Helper()
	var log bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	done := make(chan struct{})
	go func() { // joined through done
		defer close(done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself; nginx ends its workers
		<-done
		if t.Failed() {
			t.Logf("log of %s:\n%s", filepath.Base(cmd.Path), log.String())
		}
	})
	cert, err := os.ReadFile(filepath.Join(dir, "site.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	Eventually(ctx, t, filepath.Base(cmd.Path)+" answers", func() bool {
		select {
		case <-done:
			t.Fatalf("%s has ended: %s", cmd.Path, log.String())
		default:
		}
		c, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", address)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	return &WebServer{Address: address, Origin: "https://" + address, CertPEM: string(cert)}
}

// selfSigned makes a certificate for 127.0.0.1 that is its own root.
func selfSigned(t testing.TB) (certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "site"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return block("CERTIFICATE", cert), block("PRIVATE KEY", der)
}

// repository is the folder that holds go.mod.
func repository() string {
	_, file, _, _ := runtime.Caller(0)
	return strings.TrimSuffix(filepath.ToSlash(filepath.Dir(file)), "/internal/testkit")
}

package client

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/bundle"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// BundlePath is where the peer listener of every data center publishes its roots, to everybody.
const BundlePath = "/peer/v1/bundle"

// CodeWrongRoot says that what answered is not the data center that was meant.
const CodeWrongRoot = "wrong_root"

const pinnedTime = 15 * time.Second // of one request

// PinConfig says how to recognise a data center that is not trusted yet.
type PinConfig struct {
	Endpoints []string // peer listeners, host:port, tried in order
	ClusterID string   // whose they are
	Roots     [][]byte // SHA-256 of the DER of roots that are right; others that it publishes are not taken
	UserAgent string
	Dial      func(ctx context.Context, network, address string) (net.Conn, error) // nil = as usual
}

// Pinned is one TLS 1.3 connection to a data center whose root is known by its hash only. The connection was made without trust; nothing
// of the caller's went over it before the roots that the other side published had the expected hash and its own certificate led to
// one of them.
type Pinned struct {
	*Client
	State  tls.ConnectionState // of the one connection; a request over another fails
	Bundle []byte              // as it was published
	Roots  []*x509.Certificate // those of Bundle that were expected
}

// OpenPinned connects, and verifies who answers.
func OpenPinned(ctx context.Context, c PinConfig) (*Pinned, error) {
	if len(c.Endpoints) == 0 || len(c.Roots) == 0 {
		return nil, errors.New("open pinned connection: endpoints and roots are needed")
	}
	var errs []error
	for _, at := range c.Endpoints {
		p, err := openPinned(ctx, c, at)
		if err == nil {
			return p, nil
		}
		errs = append(errs, err)
		if fault.CodeOf(err) != CodeUnreachable && fault.CodeOf(err) != CodeTimeout || ctx.Err() != nil {
			break // somebody answered, and is not who it should be: that is said, not passed over
		}
	}
	if len(errs) == 1 {
		return nil, errs[0]
	}
	return nil, &fault.Error{Kind: fault.KindOf(errs[len(errs)-1]), Code: fault.CodeOf(errs[len(errs)-1]), Message: errors.Join(errs...).Error()}
}

func openPinned(ctx context.Context, c PinConfig, endpoint string) (*Pinned, error) {
	line := &oneLine{dial: c.Dial}
	client, err := New(Config{Endpoint: "https://" + endpoint, UserAgent: c.UserAgent, Timeout: pinnedTime, MaxRetries: -1, DialTLS: line.open})
	if err != nil {
		return nil, err
	}
	p := &Pinned{Client: client}
	var published Raw
	if _, err := client.Do(ctx, Request{Method: http.MethodGet, Path: BundlePath, Out: &published}); err != nil {
		client.Close()
		return nil, err
	}
	p.Bundle, p.State = published.Body, line.seen()
	if err := p.recognise(c); err != nil {
		client.Close()
		return nil, &fault.Error{Kind: fault.Forbidden, Code: CodeWrongRoot, Err: err,
			Message: fmt.Sprintf("%s is not the data center %s of the token: %v. Is the address another's, or did somebody get in between?", endpoint, c.ClusterID, err)}
	}
	return p, nil
}

// recognise compares the published roots with the expected hashes, then leads the connection's certificate to one of them.
func (p *Pinned) recognise(c PinConfig) error {
	published, err := bundle.Read(p.Bundle)
	if err != nil {
		return fmt.Errorf("its bundle cannot be taken: %w", err)
	}
	pool := x509.NewCertPool()
	for _, root := range published.Roots {
		sum := sha256.Sum256(root.Raw)
		for _, want := range c.Roots {
			if subtle.ConstantTimeCompare(sum[:], want) == 1 {
				pool.AddCert(root)
				p.Roots = append(p.Roots, root)
			}
		}
	}
	if len(p.Roots) == 0 {
		return errors.New("none of its roots has the expected hash")
	}
	leaf, between := p.State.PeerCertificates[0], x509.NewCertPool()
	for _, above := range p.State.PeerCertificates[1:] {
		between.AddCert(above)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
		return fmt.Errorf("its certificate does not lead to the expected root: %w", err)
	}
	node := "spiffe://" + strings.ToLower(c.ClusterID) + "/node/"
	if leaf.IsCA || len(leaf.URIs) != 1 || !strings.HasPrefix(leaf.URIs[0].String(), node) {
		return errors.New("its certificate is not that of a node of it")
	}
	return nil
}

// oneLine opens a single connection and no second one: what was recognised, and bound to, was the first.
type oneLine struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu    sync.Mutex // guards the rest
	used  bool
	state tls.ConnectionState
}

func (o *oneLine) open(ctx context.Context, network, address string) (net.Conn, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.used {
		return nil, fault.New(fault.Unavailable, CodeUnreachable, "The connection to %s ended before the exchange was over. Try again.", address)
	}
	dial := o.dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	}
	plain, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(plain, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, //nolint:gosec // recognise verifies it, before anything of ours is sent
		NextProtos:         []string{"http/1.1"},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	o.used, o.state = true, conn.ConnectionState()
	if len(o.state.PeerCertificates) == 0 {
		return nil, errors.Join(errors.New("no certificate was shown"), conn.Close())
	}
	return conn, nil
}

func (o *oneLine) seen() tls.ConnectionState {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state
}

// PinOf is the pin that a join token carries.
func PinOf(t wire.JoinToken) PinConfig {
	return PinConfig{Endpoints: t.Endpoints, ClusterID: t.Issuer, Roots: t.Roots}
}

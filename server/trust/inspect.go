package trust

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	inspectTime  = 10 * time.Second // for one inspection, names and all
	inspectMany  = 4                // at once
	maxInspected = 16               // certificates that are described
	maxAddress   = 300              // bytes
)

// InspectorConfig wires an Inspector.
type InspectorConfig struct {
	Store *Store
	Dial  func(ctx context.Context, network, address string) (net.Conn, error) // looks at where it connects to
}

// Inspector shows what a remote server presents, before anybody trusts it.
type Inspector struct {
	c     InspectorConfig
	slots chan struct{} // one for each inspection under way
}

// NewInspector refuses bad wiring.
func NewInspector(c InspectorConfig) (*Inspector, error) {
	if c.Store == nil || c.Dial == nil {
		return nil, errors.New("new inspector: store and dial are needed")
	}
	return &Inspector{c, make(chan struct{}, inspectMany)}, nil
}

// Inspection is what a server presented. Nothing in it is to be believed but the fingerprints.
type Inspection struct {
	Address      string // as it was asked for
	Remote       string // IP address and port that it was
	Version      string // of TLS
	Certificates []*x509.Certificate
	LeadsTo      []Anchor // trusted certificates that stand on a way from what it presented
	Peer         Peer     // whom we would take it for; zero = for nobody
	Refusal      error    // why for nobody
}

// Anchor is a trusted certificate by its name.
type Anchor struct {
	Name    string
	Partner string // the only one it is for; "" = for all
}

// Inspect connects to host:port, shakes hands and goes. It sends no request and no certificate, and believes nothing. fault.Invalid
// for an address that is none; fault.Unavailable when it is busy, when nothing answers there, or not with TLS 1.2 or 1.3.
func (i *Inspector) Inspect(ctx context.Context, address string) (Inspection, error) {
	host, err := inspectable(address)
	if err != nil {
		return Inspection{}, err
	}
	select {
	case i.slots <- struct{}{}:
		defer func() { <-i.slots }()
	default:
		return Inspection{}, &fault.Error{Kind: fault.Unavailable, Code: "too_many_inspections", RetryAfter: time.Second,
			Message: "Other servers are being inspected; try again in a second."}
	}
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	conn, err := i.c.Dial(ctx, "tcp", address)
	if err != nil {
		return Inspection{}, unreachable(address, err)
	}
	defer conn.Close() //nolint:errcheck // nothing was written that matters
	state, err := presented(ctx, conn, host)
	if err != nil {
		return Inspection{}, noTLS(address, err)
	}
	out := Inspection{Address: address, Remote: conn.RemoteAddr().String(), Version: tls.VersionName(state.Version),
		Certificates: state.PeerCertificates[:min(len(state.PeerCertificates), maxInspected)]}
	if out.LeadsTo, err = i.c.Store.leadsTo(ctx, state.PeerCertificates[:min(len(state.PeerCertificates), maxInspected)]); err != nil {
		return Inspection{}, err
	}
	out.Peer, out.Refusal = i.c.Store.Verify(state, x509.ExtKeyUsageServerAuth)
	return out, nil
}

// presented shakes hands and keeps what the server showed, also when the server then refuses us for want of a certificate.
func presented(ctx context.Context, conn net.Conn, host string) (*tls.ConnectionState, error) {
	var state *tls.ConnectionState
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Nothing is believed: what is shown is shown to a person, who compares fingerprints.
		InsecureSkipVerify: true, //nolint:gosec // see above
		NextProtos:         []string{"h2", "http/1.1"},
		VerifyConnection: func(cs tls.ConnectionState) error {
			state = &cs
			return nil
		},
	}
	if _, err := netip.ParseAddr(host); err != nil {
		cfg.ServerName = host
	}
	secured := tls.Client(conn, cfg)
	err := secured.HandshakeContext(ctx)
	if state != nil && len(state.PeerCertificates) > 0 {
		return state, nil
	}
	if err == nil {
		err = errors.New("it showed no certificate")
	}
	return nil, err
}

func inspectable(address string) (host string, err error) {
	host, port, err := net.SplitHostPort(address)
	n, perr := strconv.Atoi(port)
	if err != nil || perr != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port || host == "" || len(address) > maxAddress || strings.ContainsAny(host, " /@?#\\\t\r\n\x00") {
		return "", fault.InvalidFields("The address cannot be accepted.", []fault.Field{{Pointer: "/address", Detail: "must be host:port of a TLS server, such as ny.example.com:7402"}})
	}
	return host, nil
}

func unreachable(address string, err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	return &fault.Error{Kind: fault.Unavailable, Code: "unreachable", Err: err,
		Message: "This data center cannot connect to " + address + ": " + plain(err) + ". Is a server listening there, and does a firewall let this data center through?"}
}

func noTLS(address string, err error) error {
	why := plain(err)
	switch _, plainly := errors.AsType[tls.RecordHeaderError](err); {
	case plainly:
		why = "what answers does not speak TLS"
	case strings.Contains(why, "protocol version"):
		why = "it speaks neither TLS 1.2 nor TLS 1.3"
	case errors.Is(err, context.DeadlineExceeded):
		why = "it did not answer in time"
	}
	return &fault.Error{Kind: fault.Unavailable, Code: "no_tls", Err: err, Message: "There is no certificate to be seen at " + address + ": " + why + "."}
}

// plain is the last cause, in few words: what the far end says must not fill a page.
func plain(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	text := err.Error()
	return text[:min(len(text), 200)]
}

// leadsTo names the trusted certificates on the ways up from what a server presented, whoever it says it is.
func (s *Store) leadsTo(ctx context.Context, presented []*x509.Certificate) (out []Anchor, err error) {
	declared, err := s.config.Source.TrustedCertificates(ctx)
	if err != nil {
		return nil, fmt.Errorf("read trusted certificates: %w", err)
	}
	on := ways(presented, declared, s.config.Clock.Now())
	for _, t := range declared {
		parsed, err := mdc.ParseCertificates(t.CertificatePEM)
		if err == nil && slices.ContainsFunc(parsed, func(c *x509.Certificate) bool { return on[sha256.Sum256(c.Raw)] }) {
			out = append(out, Anchor{t.Name, t.Partner})
		}
	}
	return out, nil
}

// ways are the leaf and all certificates on a sound way from it to a declared authority. It is for messages: nothing is decided by
// a pool of all anchors together.
func ways(presented []*x509.Certificate, declared []mdc.TrustedCertificate, now time.Time) map[fingerprint]bool {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, t := range declared {
		parsed, _ := mdc.ParseCertificates(t.CertificatePEM) // what cannot be read leads nowhere
		for _, c := range parsed {
			if mdc.CertificateType(c) != mdc.CertificateServer {
				roots.AddCert(c)
			}
		}
	}
	for _, c := range presented[1:] {
		between.AddCert(c)
	}
	on := map[fingerprint]bool{sha256.Sum256(presented[0].Raw): true}
	all, err := presented[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return on
	}
	for _, way := range all {
		for _, c := range way {
			on[sha256.Sum256(c.Raw)] = true
		}
	}
	return on
}

// SPKI is the lower-case hex SHA-256 of a certificate's public key, as it stands in the certificate.
func SPKI(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// URINames are a certificate's URI names byte by byte as they stand there; nil when they cannot be read.
func URINames(c *x509.Certificate) []string {
	names, err := uriNames(c)
	if err != nil {
		return nil
	}
	return names
}

// DescribeOne describes one certificate.
func DescribeOne(c *x509.Certificate) Info { return describe(c) }

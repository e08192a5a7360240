package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/bundle"
	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/meeting"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
)

// pairing is one connection to a partner whose certificate proves nothing: nothing but the two requests of a pairing goes over it.
type pairing struct {
	conn   *tls.Conn
	client *http.Client
	pool   *http.Transport
	base   string
}

var _ passphrase.Conversation = (*pairing)(nil)

// pairDial connects to the first of the partner's addresses that shakes hands in TLS 1.3.
func (n *Node) pairDial(ctx context.Context, p mdc.Partner) (passphrase.Conversation, error) {
	var troubles []error
	for _, address := range append(append([]string(nil), p.Primary...), p.Secondary...) {
		conn, err := n.pairConnect(ctx, address)
		if err == nil {
			return newPairing(conn, address), nil
		}
		troubles = append(troubles, err)
	}
	err := errors.Join(troubles...)
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && record.Conn != nil {
		return nil, withoutTLS(p.ClusterID, mdc.ModeSimple, err)
	}
	return nil, &fault.Error{Kind: fault.Unavailable, Code: client.CodeUnreachable, Message: "No address of " + p.ClusterID + " takes a connection in TLS 1.3.", Err: err}
}

func (n *Node) pairConnect(ctx context.Context, address string) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	raw, err := n.dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(raw, &tls.Config{
		MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, NextProtos: []string{"http/1.1"},
		InsecureSkipVerify: true, //nolint:gosec // nobody is believed yet: the proof over this connection's keying material decides
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the handshake's error counts
		return nil, err
	}
	return secured, nil
}

// newPairing gives the connection to a client that can make no other one.
func newPairing(conn *tls.Conn, address string) *pairing {
	p := &pairing{conn: conn, base: "https://" + address}
	given := false
	p.pool = &http.Transport{MaxConnsPerHost: 1, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
			if given {
				return nil, errors.New("the connection of the pairing was closed")
			}
			given = true
			return conn, nil
		}}
	p.client = &http.Client{Transport: p.pool, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return p
}

// Exporter gives keying material that both ends of this connection have, and no other.
func (p *pairing) Exporter() ([]byte, error) {
	cs := p.conn.ConnectionState()
	return meeting.Exported(&cs)
}

// Bundle asks for the partner's roots.
func (p *pairing) Bundle(ctx context.Context) ([]byte, error) {
	return p.ask(ctx, http.MethodGet, client.BundlePath, nil)
}

// Pair sends our roots with their proof.
func (p *pairing) Pair(ctx context.Context, clusterID string, bundle, proof []byte) ([]byte, error) {
	in, err := json.Marshal(wire.PairRequest{ClusterID: clusterID, Bundle: string(bundle), Proof: proof})
	if err != nil {
		return nil, err
	}
	body, err := p.ask(ctx, http.MethodPost, "/peer/v1/pair", in)
	if err != nil {
		return nil, err
	}
	var out wire.PairAnswer
	if err := json.Unmarshal(body, &out); err != nil {
		return nil, fault.New(fault.Unavailable, client.CodeNotConcord, "The answer to the pairing cannot be read.")
	}
	return out.Proof, nil
}

// ask makes one request. A refusal that the far end worded is shown to administrators; it is believed in nothing.
func (p *pairing) ask(ctx context.Context, method, path string, in []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(in))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := p.client.Do(req)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Unavailable, Code: client.CodeUnreachable, Message: "The connection ended before the pairing was made.", Err: err}
	}
	defer res.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(res.Body, 2*bundle.MaxSize+1))
	if err != nil || len(body) > 2*bundle.MaxSize {
		return nil, &fault.Error{Kind: fault.Unavailable, Code: client.CodeUnreachable, Message: "The answer to the pairing broke off, or is too long.", Err: err}
	}
	if res.StatusCode == http.StatusOK {
		return body, nil
	}
	var problem wire.Problem
	_ = json.Unmarshal(body, &problem) // an answer that is none has no code
	kind := fault.Forbidden
	if res.StatusCode >= http.StatusInternalServerError {
		kind = fault.Unavailable
	}
	return nil, &fault.Error{Kind: kind, Code: short(problem.Code, 64), Message: short(problem.Detail, 500)}
}

// short bounds a text of a stranger.
func short(s string, limit int) string {
	if s == "" {
		return "The pairing was refused without a reason."
	}
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}

// Close ends the connection.
func (p *pairing) Close() {
	p.pool.CloseIdleConnections()
	_ = p.conn.Close() // whatever was on the way is of no use any more
}

// withoutTLS says that a partner is in mode open and this data center is not.
func withoutTLS(partner, mode string, cause error) error {
	return &fault.Error{Kind: fault.Forbidden, Code: passphrase.CodeModeMismatch, Err: cause,
		Message: fmt.Sprintf("%s answers without TLS, as in mode open; this data center is in mode %s and never talks so. Declare one security_mode in both.", partner, mode)}
}

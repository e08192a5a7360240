package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/outbound"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
)

// links keeps one warm, mutually authenticated connection pool for each address of each partner. A change of a partner
// or of its trust drops the pools, so what is no longer trusted is not talked to over a connection that was.
type links struct {
	partners interface {
		Partner(ctx context.Context, clusterID string) (*mdc.Partner, error)
	}
	config func(clusterID string) *tls.Config                    // verifies the partner's identity against its own pool
	verify func(cs *tls.ConnectionState, clusterID string) error // the same, for a connection that is open
	until  func(cs *tls.ConnectionState) time.Time               // the earliest end on the way to what is trusted
	dialer *outbound.Dialer
	lines  lines
	mode   func() string    // in force now
	gate   *passphrase.Gate // signs in mode open
	label  label
	logger *slog.Logger

	mu   sync.Mutex // guards open
	open map[string]*link
}

// link is one partner: its addresses in the order to try them, and the one that answered last.
type link struct {
	partner *mdc.Partner
	mode    string // that it was made for
	clients []*client.Client
	silent  atomic.Bool // a handshake succeeded on our side and nothing was answered since

	mu      sync.Mutex    // guards all below
	last    int           // index of the address to try first
	expires time.Time     // of the certificate that was shown last
	chain   time.Time     // the earliest end between that and what is trusted
	life    time.Duration // of that certificate
}

// errNoPartner says that a cluster id is not registered here.
func errNoPartner(clusterID string) error {
	return fault.New(fault.Forbidden, "not_a_partner", "The data center %q is not a registered partner.", clusterID)
}

func (l *links) get(ctx context.Context, clusterID string) (*link, error) {
	p, err := l.partners.Partner(ctx, clusterID)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, errNoPartner(clusterID)
	}
	mode := l.mode()
	if !p.InMode(mode) {
		return nil, fault.New(fault.Forbidden, passphrase.CodeModeMismatch, "%s is in mode %s, the partner %s is registered with %s: nothing is sent to it. Declare one security_mode.", l.label.clusterID, mode, p.ClusterID, p.SecurityMode)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := mdc.FoldName(clusterID)
	if have := l.open[key]; have != nil && have.partner == p && have.mode == mode {
		return have, nil
	}
	made, err := l.connect(p, mode)
	if err != nil {
		return nil, err
	}
	if l.open == nil {
		l.open = map[string]*link{}
	}
	if old := l.open[key]; old != nil {
		old.close()
	}
	l.open[key] = made
	return made, nil
}

func (l *links) connect(p *mdc.Partner, mode string) (*link, error) {
	made := &link{partner: p, mode: mode}
	cfg := l.config(p.ClusterID).Clone()
	verify := cfg.VerifyConnection
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		if len(cs.PeerCertificates) > 0 {
			made.mu.Lock()
			made.expires = cs.PeerCertificates[0].NotAfter
			made.life = made.expires.Sub(cs.PeerCertificates[0].NotBefore)
			made.mu.Unlock()
		}
		err := verify(cs)
		if err == nil {
			made.silent.Store(true)
			until := l.until(&cs)
			made.mu.Lock()
			made.chain = until
			made.mu.Unlock()
		}
		return err
	}
	for _, address := range append(append([]string(nil), p.Primary...), p.Secondary...) {
		dial := func(ctx context.Context, _, address string) (net.Conn, error) {
			return l.lines.dial(ctx, p.ClusterID, address, cfg, l.dialer.DialContext)
		}
		settings := client.Config{Endpoint: "https://" + address, TLS: cfg, Dial: l.dialer.DialContext, DialTLS: dial, UserAgent: "concord-peer", Timeout: 5 * time.Second, MaxRetries: -1, Logger: l.logger}
		if mode == mdc.ModeOpen {
			settings.Endpoint = "http://" + address
			settings.Dial = func(ctx context.Context, _, address string) (net.Conn, error) {
				return l.lines.dialPlain(ctx, p.ClusterID, address, l.member, l.dialer.DialContext)
			}
			settings.Wrap = func(below http.RoundTripper) http.RoundTripper {
				return &openTransport{gate: l.gate, partner: p, ours: l.label.clusterID, below: below}
			}
		}
		c, err := client.New(settings)
		if err != nil {
			return nil, fmt.Errorf("link to %s: %w", p.ClusterID, err)
		}
		made.clients = append(made.clients, c)
	}
	return made, nil
}

// member says whether a data center is a partner in mode open now. Over connections without TLS that is all there is to judge: each
// message proves the rest.
func (l *links) member(clusterID string) error {
	if l.mode() != mdc.ModeOpen {
		return errFormerMode
	}
	p, err := l.partners.Partner(context.Background(), clusterID)
	switch {
	case err != nil:
		return err
	case p == nil:
		return errNoPartner(clusterID)
	case !p.InMode(mdc.ModeOpen):
		return errFormerMode
	}
	return nil
}

// drop closes every link; the next call opens anew under the trust that is then in force. What is under way goes on where that
// trust still holds, and is cut off where it does not.
func (l *links) drop() {
	if cut := l.lines.cut(l.verify, l.member); cut > 0 {
		l.logger.Info("connections to partners cut off: they are no longer trusted", "connections", cut)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.open {
		k.close()
	}
	l.open = nil
}

func (k *link) close() {
	for _, c := range k.clients {
		c.Close()
	}
}

// do asks a partner. An address that cannot be reached is followed by the next, in order, starting with the one that
// answered last (OAM-44); what any of them answers is the answer.
func (l *links) do(ctx context.Context, clusterID string, req client.Request) error {
	var res client.Response
	req.Header = l.label.on(req.Header)
	err := l.each(ctx, clusterID, func(ctx context.Context, c *client.Client) (err error) {
		res, err = c.Do(ctx, req)
		return err
	})
	if err == nil && mdc.FoldName(res.Cluster) != mdc.FoldName(clusterID) {
		return fault.New(fault.Forbidden, "wrong_identity", "The address of %s was answered by %q.", clusterID, res.Cluster)
	}
	return err
}

// stream is do with the body left open, for as long as ctx lasts.
func (l *links) stream(ctx context.Context, clusterID string, req client.Request) (res *http.Response, err error) {
	req.Header = l.label.on(req.Header)
	err = l.each(ctx, clusterID, func(_ context.Context, c *client.Client) (err error) {
		res, err = c.Stream(ctx, req)
		return err
	})
	return res, err
}

func (l *links) each(ctx context.Context, clusterID string, try func(context.Context, *client.Client) error) error {
	k, err := l.get(ctx, clusterID)
	if err != nil {
		return err
	}
	k.mu.Lock()
	first := k.last
	k.mu.Unlock()
	for i := range k.clients {
		at := (first + i) % len(k.clients)
		err = k.judge(attempt(ctx, len(k.clients)-i, k.clients[at], try))
		if fault.CodeOf(err) == client.CodeNotOurs && ctx.Err() == nil {
			// The connection may have been begun before the partner registered us; a new one tells for sure.
			k.clients[at].Close()
			err = k.judge(attempt(ctx, len(k.clients)-i, k.clients[at], try))
		}
		code := fault.CodeOf(err)
		if (code == client.CodeUnreachable || code == client.CodeTimeout || code == outbound.CodeRefused) && ctx.Err() == nil {
			continue // every message to a partner may be repeated
		}
		if ctx.Err() == nil {
			k.mu.Lock()
			k.last = at
			k.mu.Unlock()
		}
		return err
	}
	return err
}

// attempt gives one address its share of the caller's time, so that one that is silent leaves some for the next.
func attempt(ctx context.Context, left int, c *client.Client, try func(context.Context, *client.Client) error) error {
	if end, ok := ctx.Deadline(); ok && left > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(left))
		defer cancel()
	}
	return try(ctx, c)
}

// judge tells a refusal from silence. In TLS 1.3 our handshake is over before the partner has looked at our certificate, so
// a refusal may show only as a connection that ends before its first answer. Taken for unreachable it could let a session
// go on that the partner would not confirm (X3).
func (k *link) judge(err error) error {
	if errors.Is(err, http.ErrSchemeMismatch) {
		return withoutTLS(k.partner.ClusterID, k.mode, err)
	}
	if _, answered := errors.AsType[*client.APIError](err); answered || err == nil {
		k.silent.Store(false)
		return err
	}
	op, ok := errors.AsType[*net.OpError](err)
	if dialled := ok && op.Op == "dial"; dialled || fault.CodeOf(err) != client.CodeUnreachable || !k.silent.Load() {
		return err
	}
	return &fault.Error{Kind: fault.Unauthenticated, Code: client.CodeNotOurs, Err: err,
		Message: k.partner.ClusterID + " ended the connection before its first answer: it does not accept this data center's certificate. Are our partner record and our root registered there?"}
}

// refused says that a partner, or what answers in its place, does not accept us or is not who it should be; anything
// else that failed counts as unreachable (X3).
func refused(err error) bool {
	switch fault.KindOf(err) {
	case fault.Forbidden, fault.Unauthenticated, fault.Invalid, fault.NotFound:
		return true
	}
	if api, ok := errors.AsType[*client.APIError](err); ok {
		return api.Fault.Code == client.CodeNotConcord && api.Status < 500 && api.Status != http.StatusTooManyRequests
	}
	return false
}

// certificateExpires tells when the certificate that a partner showed last ends,
// and when the first certificate on the way from it to what is trusted does; life is its whole one.
func (l *links) certificateExpires(ctx context.Context, clusterID string) (leaf, chain time.Time, life time.Duration, err error) {
	k, err := l.get(ctx, clusterID)
	if err != nil {
		return leaf, chain, 0, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.expires, k.chain, k.life, nil
}

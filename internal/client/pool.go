package client

import (
	"crypto/tls"
	"net/http"
	"sync"
	"time"
)

// pools keeps the connections of a client. With an identity they belong to one certificate: when that is exchanged new requests go
// over new connections, since an open one stands for the old certificate until its end. The same holds for roots that change.
type pools struct {
	cfg  Config
	host string // of the endpoint

	mu     sync.Mutex // guards the rest
	now    *http.Transport
	number uint64            // of the identity's pair that now shows, and of the roots it goes by: either only grows
	since  time.Time         // when now was made
	former []*http.Transport // their last connections end when they are idle; a few are enough to wait for
}

const maxFormer = 4

// RoundTrip sends r over a connection that shows the certificate in use now.
func (p *pools) RoundTrip(r *http.Request) (*http.Response, error) {
	return p.current().RoundTrip(r)
}

func (p *pools) current() *http.Transport {
	var pair *tls.Certificate
	var number uint64
	if p.cfg.Identity != nil {
		pair, number = p.cfg.Identity.current(time.Now())
	}
	if p.cfg.Anchors != nil {
		_, roots := p.cfg.Anchors.current(time.Now(), anchorsAge)
		number += roots
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != nil && number <= p.number && !p.old() { // another request may have seen a newer one already
		return p.now
	}
	number = max(number, p.number)
	if p.now != nil {
		p.now.CloseIdleConnections()
		p.former = append(p.former, p.now)
		p.former = p.former[max(0, len(p.former)-maxFormer):]
	}
	cfg := p.cfg
	if pair != nil {
		cfg.TLS = showing(cfg.TLS, pair)
	}
	if p.cfg.Anchors != nil {
		cfg.TLS = p.cfg.Anchors.anchored(cfg.TLS, p.host)
	}
	p.now, p.number, p.since = newPool(cfg), number, time.Now()
	return p.now
}

// old says that the connections have had their time. Those that are open finish what they carry: who connects through a load balancer
// leaves before it cuts them off, and is spread anew over what stands behind it (OAM-13).
func (p *pools) old() bool { return p.cfg.MaxAge > 0 && time.Since(p.since) >= p.cfg.MaxAge }

// showing is base with a certificate that is shown whatever authorities the server names: it then says what is wrong with it. No
// session is resumed, since it would show the certificate of its beginning.
func showing(base *tls.Config, pair *tls.Certificate) *tls.Config {
	t := &tls.Config{}
	if base != nil {
		t = base.Clone()
	}
	t.Certificates, t.ClientSessionCache = nil, nil
	t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	return t
}

// CloseIdleConnections drops what is not in use.
func (p *pools) CloseIdleConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range append(p.former, p.now) {
		if t != nil {
			t.CloseIdleConnections()
		}
	}
}

package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/assertion"
	"github.com/concord-access/terraform-provider-concord/server/outbound"
	"github.com/concord-access/terraform-provider-concord/server/session/backchannel"
)

const (
	logoutCallTime  = 5 * time.Second
	logoutTokenLife = 2 * time.Minute // of one attempt; the next is signed anew
)

// logoutCalls tells agents of ended sign-ons, in the form of OpenID Connect Back-Channel Logout 1.0. Where a call goes was written by an
// administrator, and is looked at as every other address when it is dialled (SEC-48); no redirect is followed and no proxy used.
type logoutCalls struct {
	clusterID string
	model     *model
	signer    *assertion.Signer
	clock     clock.Clock
	http      *http.Client
}

var _ backchannel.Caller = (*logoutCalls)(nil)

// newLogoutCalls makes calls over the dialer. A receiver's certificate has to lead to a root of the machine, or of this data center.
func newLogoutCalls(clusterID string, m *model, signer *assertion.Signer, c clock.Clock, dialer *outbound.Dialer, roots func() []*x509.Certificate) *logoutCalls {
	pool := &http.Transport{
		DialContext:           dialer.DialContext,
		DialTLSContext:        receivers{dialer, roots}.dial,
		ResponseHeaderTimeout: logoutCallTime, IdleConnTimeout: 30 * time.Second, MaxIdleConns: 64, MaxResponseHeaderBytes: 16 << 10,
	}
	return &logoutCalls{clusterID: clusterID, model: m, signer: signer, clock: c, http: &http.Client{Transport: pool, Timeout: logoutCallTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// receivers opens connections to those who are told.
type receivers struct {
	dialer *outbound.Dialer
	roots  func() []*x509.Certificate // of this data center; they change
}

func (r receivers) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	raw, err := r.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, InsecureSkipVerify: true, //nolint:gosec // VerifyConnection does it, by two sets of roots
		VerifyConnection: func(s tls.ConnectionState) error { return r.verify(s.PeerCertificates, host) }})
	shaking, cancel := context.WithTimeout(ctx, logoutCallTime)
	defer cancel()
	if err := secured.HandshakeContext(shaking); err != nil {
		_ = raw.Close() // the handshake's error counts
		return nil, err
	}
	return secured, nil
}

func (r receivers) verify(shown []*x509.Certificate, host string) error {
	if len(shown) == 0 {
		return errors.New("the receiver showed no certificate")
	}
	o := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool()}
	for _, c := range shown[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := shown[0].Verify(o); err == nil {
		return nil
	}
	o.Roots = x509.NewCertPool()
	for _, c := range r.roots() {
		o.Roots.AddCert(c)
	}
	if _, err := shown[0].Verify(o); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: shown, Err: err}
	}
	return nil
}

// Call tells the agent, if it is still registered to be told.
func (l *logoutCalls) Call(ctx context.Context, c backchannel.Call) error {
	a, err := l.model.Agent(ctx, c.Agent)
	if err != nil || a == nil || a.BackchannelLogoutURL == "" {
		return err
	}
	now := l.clock.Now()
	token, err := l.signer.Sign(wire.LogoutTokenType, wire.LogoutToken{Issuer: l.clusterID, Audience: a.Name, IssuedAt: now.Unix(), ExpiresAt: now.Add(logoutTokenLife).Unix(),
		ID: c.ID, Subject: c.User, SignOn: string(c.SSOID), Events: map[string]struct{}{wire.BackchannelEvent: {}}})
	if err != nil {
		return err
	}
	return l.post(ctx, a.BackchannelLogoutURL, token)
}

func (l *logoutCalls) post(ctx context.Context, to, token string) error {
	body := strings.NewReader(url.Values{"logout_token": {token}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, body)
	if err != nil {
		return errors.New("the registered address cannot be used") // not repeated: a query may hold a secret
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "concord")
	res, err := l.http.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the rest is the address
		}
		return fmt.Errorf("call %s: %w", req.URL.Host, err)
	}
	defer res.Body.Close()                                     //nolint:errcheck // only read
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4096)) // so that the connection is used again
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		return nil
	case res.StatusCode == http.StatusBadRequest: // section 2.8: the token is wrong
		return fmt.Errorf("call %s: it answers %d: %w", req.URL.Host, res.StatusCode, backchannel.ErrRefused)
	}
	return fmt.Errorf("call %s: it answers %d", req.URL.Host, res.StatusCode)
}

func (l *logoutCalls) close() { l.http.CloseIdleConnections() }

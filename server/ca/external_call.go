package ca

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

// How long an external CA is waited for.
const (
	dialLimit  = 5 * time.Second
	callLimit  = 10 * time.Second // one question
	orderLimit = 20 * time.Second // a certificate, with fetching the provisioner's key
)

const (
	maxAnswer     = 1 << 20  // bytes of an answer
	maxListAnswer = 32 << 20 // bytes of a revocation list: some 700,000 entries
	maxReason     = 300      // bytes of what the CA says about a refusal
)

// errUnreachable and errUnauthorized tell the two sorts of trouble apart that something can be done about here.
var (
	errUnreachable  = errors.New("the certificate authority cannot be reached")
	errUnauthorized = errors.New("the certificate authority did not accept the token")
)

// errUncertain is for a question that went out and was not answered clearly: it may have been done.
var errUncertain = errors.New("the certificate authority may have done it")

// refusal is an answer that is no success.
type refusal struct {
	status  int
	message string // what the CA says, made harmless
}

func (r *refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.message) }

func (r *refusal) Is(target error) bool {
	return target == errUnauthorized && r.status == http.StatusUnauthorized
}

func (r *refusal) alreadyRevoked() bool {
	return r.status == http.StatusBadRequest && strings.Contains(r.message, "is already revoked")
}

// caClient speaks to the CA and to nobody else: no proxy, no redirect, nothing without a limit.
func caClient(x External, trust *tls.Config) *http.Client {
	dial := x.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialLimit}).DialContext
	}
	return &http.Client{
		Timeout: callLimit,
		Transport: &http.Transport{
			DialContext: dial, TLSClientConfig: trust, TLSHandshakeTimeout: dialLimit, ResponseHeaderTimeout: callLimit,
			MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("it redirects, which is not followed") },
	}
}

// pinned trusts the one root. step-ca may be configured for TLS 1.2 only.
func pinned(root *x509.Certificate) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// call asks the CA: in as JSON, unless it is nil, and the answer as JSON into out, unless that is nil.
func (e *external) call(ctx context.Context, method, path string, in, out any) error {
	raw, err := fetch(ctx, e.http, method, e.config.URL+path, in, maxAnswer)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("decode answer of %s: %w", path, err)
	}
	return nil
}

// fetch gives the body of a success, at most limit bytes of it.
func fetch(ctx context.Context, c *http.Client, method, url string, in any, limit int64) ([]byte, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	var connected atomic.Bool
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}))
	answer, err := c.Do(r)
	if err != nil && !connected.Load() {
		return nil, unreachable(err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUncertain, unreachable(err))
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	return read(answer, limit)
}

func read(answer *http.Response, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUncertain, unreachable(err))
	case int64(len(raw)) > limit:
		return nil, fmt.Errorf("%w: the answer is longer than %d bytes", errUncertain, limit)
	case answer.StatusCode/100 == 5:
		return nil, fmt.Errorf("%w: %w", errUncertain, &refusal{status: answer.StatusCode, message: refusalMessage(raw)})
	case answer.StatusCode/100 != 2:
		return nil, &refusal{status: answer.StatusCode, message: refusalMessage(raw)}
	}
	return raw, nil
}

// unreachable keeps apart what a wait does not cure: a server that proves itself by another root.
func unreachable(err error) error {
	var unproved *tls.CertificateVerificationError
	if errors.As(err, &unproved) {
		return err
	}
	return fmt.Errorf("%w: %w", errUnreachable, err)
}

// refusalMessage is the text of step's error answer, clipped and without control characters, for people to read.
func refusalMessage(raw []byte) string {
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &said) != nil || said.Message == "" {
		return "it gives no reason"
	}
	clean := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(said.Message, "?"))
	if len(clean) > maxReason {
		clean = strings.ToValidUTF8(clean[:maxReason], "") + "…"
	}
	return clean
}

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Waits between attempts. A server that asks for more than maxRetryAfter is not waited for: its answer goes to the caller,
// who can say so.
const (
	firstWait     = 200 * time.Millisecond
	longestWait   = 10 * time.Second
	maxRetryAfter = time.Minute
)

// CodeLocked is the code of the one conflict that passes by itself: another administrator holds the lock.
const CodeLocked = "locked"

// CodeNotConfirmed is the code of a change that is written and not acknowledged (write_requires). A repeat under a condition
// would meet the caller's own change, so it is left to the caller.
const CodeNotConfirmed = "not_confirmed_by_majority"

// keepWarm hides the pool's CloseIdleConnections from the retrying client, which would drop every warm connection
// whenever one request fails or one caller gives up.
type keepWarm struct{ http.RoundTripper }

func (c *Client) send(ctx context.Context, r Request, limit time.Duration, token string) (*http.Response, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		c.writes.Add(1)
		defer c.writes.Add(1)
	}
	plain, err := c.build(ctx, r, token)
	if err != nil {
		return nil, err
	}
	req, err := retryablehttp.FromRequest(plain)
	if err != nil {
		return nil, err
	}
	if r.Content != nil {
		if err := req.SetBody(func() (io.Reader, error) { return &lateBody{open: r.Content.Open}, nil }); err != nil {
			return nil, fmt.Errorf("build request %s %s: %w", r.Method, r.Path, err)
		}
		req.ContentLength = r.Content.Length
	}
	rc := &retryablehttp.Client{
		HTTPClient: &http.Client{Transport: keepWarm{c.over}, Timeout: limit,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		RetryMax:     c.cfg.MaxRetries,
		CheckRetry:   c.check(r, plain.Header.Get(wire.HeaderRequestID)),
		Backoff:      wait,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	res, err := rc.Do(req)
	if err != nil {
		return nil, c.transportFault(ctx, limit, err)
	}
	return res, nil
}

// lateBody opens a content when it is read for the first time: the retrying client makes one more body than it sends.
type lateBody struct {
	open func() (io.ReadCloser, error)

	mu     sync.Mutex    // guards body and closed: HTTP/2 closes a body while it reads it
	body   io.ReadCloser // nil: not opened yet
	closed bool
}

// Read reads on.
func (l *lateBody) Read(b []byte) (n int, err error) {
	body, err := l.opened()
	if err != nil {
		return 0, err
	}
	return body.Read(b)
}

func (l *lateBody) opened() (body io.ReadCloser, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, io.ErrClosedPipe
	}
	if l.body == nil {
		if l.body, err = l.open(); err != nil {
			return nil, fmt.Errorf("open the content: %w", err)
		}
	}
	return l.body, nil
}

// Close closes what was opened.
func (l *lateBody) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.body == nil {
		return nil
	}
	return l.body.Close()
}

// check decides whether an attempt is repeated, and logs it.
func (c *Client) check(r Request, requestID string) retryablehttp.CheckRetry {
	return func(ctx context.Context, res *http.Response, err error) (bool, error) {
		again := ctx.Err() == nil && repeatable(r) && passing(r, res, err)
		args := []any{"method", r.Method, "path", r.Path, "request_id", requestID, "again", again}
		if res != nil {
			args = append(args, "status", res.StatusCode)
		}
		if err != nil {
			args = append(args, "error", err)
		}
		c.logger.DebugContext(ctx, "asked concord", args...)
		return again, nil
	}
}

// repeatable says whether sending r twice does what sending it once does.
func repeatable(r Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete:
		return true
	}
	return r.Retry
}

// passing says whether the trouble may pass by itself. A conditional write is repeated only where the server certainly did
// not do it: if it did and the answer was lost, a repeat would be refused because of the caller's own change.
func passing(r Request, res *http.Response, err error) bool {
	if err != nil {
		return !lasting(err) && (!conditional(r) || dialed(err))
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return retryAfter(res.Header) <= maxRetryAfter && peekCode(res) != CodeNotConfirmed
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return !conditional(r)
	case http.StatusConflict:
		after := retryAfter(res.Header)
		return after > 0 && after <= maxRetryAfter && peekCode(res) == CodeLocked
	}
	return false
}

func conditional(r Request) bool { return r.IfMatch != "" || r.IfNoneMatch || r.Conditional }

// lasting says that the same attempt will fail in the same way.
func lasting(err error) bool {
	if certificateTrouble("", err) != "" {
		return true
	}
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// dialed says that err happened before anything was sent.
func dialed(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// wait doubles from firstWait, with a random part so that callers who failed together do not return together.
func wait(_, _ time.Duration, attempt int, res *http.Response) time.Duration {
	step := min(firstWait<<min(attempt, 16), longestWait)
	step = step/2 + rand.N(step/2)
	if res == nil {
		return step
	}
	return max(step, min(retryAfter(res.Header), maxRetryAfter))
}

// retryAfter reads Retry-After in seconds or as a date (RFC 9110 section 10.2.3); 0 = not said.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil {
		return time.Duration(min(max(n, 0), 1<<20)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// peekCode reads the problem's code and leaves the body as it was.
func peekCode(res *http.Response) string {
	if !isProblem(res.Header) {
		return ""
	}
	head, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	rest := res.Body
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), rest}
	var p wire.Problem
	if err != nil || json.Unmarshal(head, &p) != nil {
		return ""
	}
	return p.Code
}

package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// MaxAnswer is the longest answer that Do reads, in bytes. Stream has no limit.
const MaxAnswer = 16 << 20

// Request is one call.
type Request struct {
	Method      string
	Path        string        // escaped, starting with /; see Path
	Query       url.Values    //
	Header      http.Header   // set last, so it wins over what the client sets
	In          any           // sent as JSON; nil = no body
	Content     *Content      // sent as it is, instead of In; nil = none
	Out         any           // a pointer that the JSON answer is read into, or a *Raw; nil = the answer is dropped
	IfMatch     string        // ETag that the object must still have
	IfNoneMatch bool          // create only
	Retry       bool          // a POST or PATCH that may be repeated
	Conditional bool          // what it does has conditions that stand in its body
	Timeout     time.Duration // of one attempt; 0 = the client's, below 0 = only the context ends it
}

// Content is a body that is streamed rather than held in memory, such as a file.
type Content struct {
	Length int64                         // bytes
	Open   func() (io.ReadCloser, error) // gives it from its beginning, once for each attempt
}

// Raw takes an answer as it is, whatever its type. The caller says in Header's Accept what it can read.
type Raw struct {
	Type string // Content-Type as it was sent
	Body []byte
}

// Response is what came back besides the body.
type Response struct {
	Status    int
	ETag      string // as it was sent, with quotes
	RequestID string // the server's, or ours when it named none
	Cluster   string // cluster id of the data center that answered
	Node      string // node that answered
	Header    http.Header
}

// Do sends r, repeats it where that is safe, and reads a 2xx answer into r.Out. Every other outcome is an error: an
// *APIError for what a server answered (Unwrap gives the *fault.Error), a *fault.Error of kind Unavailable when none
// answered. The Response is filled as far as there was one, also with an error.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	if c.signedIn == nil {
		return c.do(ctx, r, "")
	}
	token, err := c.credential(ctx, "")
	if err != nil {
		return Response{}, err
	}
	out, err := c.do(ctx, r, token)
	if !ended(err) { // otherwise nothing was done, so it may be sent again, whatever it is
		return out, err
	}
	if token, err = c.credential(ctx, token); err != nil {
		return Response{}, err
	}
	return c.do(ctx, r, token)
}

// do is Do with a credential in the place of the configured one; "" = that one.
func (c *Client) do(ctx context.Context, r Request, token string) (Response, error) {
	res, err := c.send(ctx, r, c.timeout(r), token)
	if err != nil {
		return Response{}, err
	}
	defer res.Body.Close()
	out := c.response(res)
	body, err := readAll(res)
	if err != nil {
		return out, c.transportFault(ctx, c.timeout(r), err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return out, c.answerFault(out, body)
	}
	if r.Out == nil || res.StatusCode == http.StatusNoContent {
		return out, nil
	}
	if raw, ok := r.Out.(*Raw); ok {
		raw.Type, raw.Body = res.Header.Get("Content-Type"), body
		return out, nil
	}
	if err := json.Unmarshal(body, r.Out); err != nil {
		return out, c.strangerFault(out, "it is not the JSON that was expected", err)
	}
	return out, nil
}

// Stream sends r and leaves a 2xx answer's body open for the caller to read and close; r.Out is not used. No time limit
// but ctx applies once the answer has begun.
func (c *Client) Stream(ctx context.Context, r Request) (*http.Response, error) {
	token := ""
	if c.signedIn != nil {
		var err error
		if token, err = c.credential(ctx, ""); err != nil {
			return nil, err
		}
	}
	res, err := c.stream(ctx, r, token)
	if c.signedIn == nil || !ended(err) {
		return res, err
	}
	if token, err = c.credential(ctx, token); err != nil {
		return nil, err
	}
	return c.stream(ctx, r, token)
}

func (c *Client) stream(ctx context.Context, r Request, token string) (*http.Response, error) {
	res, err := c.send(ctx, r, 0, token)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 200 && res.StatusCode <= 299 {
		return res, nil
	}
	defer res.Body.Close()
	body, err := readAll(res)
	if err != nil {
		return nil, c.transportFault(ctx, 0, err)
	}
	return nil, c.answerFault(c.response(res), body)
}

// maxPages bounds Each against a server that never says it is done.
const maxPages = 100_000

// All reads every page of a list.
func All[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	var all []T
	err := Each(ctx, c, path, query, func(one T) error {
		all = append(all, one)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Each reads every page of a list and shows each element, in the list's order, to visit, whose error ends it and is returned. No
// more than a page is held.
func Each[T any](ctx context.Context, c *Client, path string, query url.Values, visit func(T) error) error {
	return Pages(ctx, c, path, query, func(page wire.Page[T]) error {
		for _, one := range page.Items {
			if err := visit(one); err != nil {
				return err
			}
		}
		return nil
	})
}

// Pages is Each for callers who want more of a page than its elements.
func Pages[T any](ctx context.Context, c *Client, path string, query url.Values, visit func(wire.Page[T]) error) error {
	query = cloneValues(query)
	for range maxPages {
		var page wire.Page[T]
		if _, err := c.Do(ctx, Request{Method: http.MethodGet, Path: path, Query: query, Out: &page}); err != nil {
			return err
		}
		if err := visit(page); err != nil {
			return err
		}
		if page.NextCursor == "" {
			return nil
		}
		if page.NextCursor == query.Get("cursor") {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	return fault.New(fault.Internal, "endless_list", "the list %s of %s does not end: its cursor no longer moves", path, c.Endpoint())
}

func (c *Client) timeout(r Request) time.Duration {
	switch {
	case r.Timeout < 0:
		return 0
	case r.Timeout > 0:
		return r.Timeout
	}
	return c.cfg.Timeout
}

// build makes the HTTP request. One request id serves all attempts, so a log shows that they belong together.
func (c *Client) build(ctx context.Context, r Request, token string) (*http.Request, error) {
	var body io.Reader
	if r.In != nil {
		b, err := json.Marshal(r.In)
		if err != nil {
			return nil, fmt.Errorf("encode body of %s %s: %w", r.Method, r.Path, err)
		}
		body = bytes.NewReader(b)
	}
	target, err := url.Parse(c.base.String() + r.Path)
	if err != nil || !strings.HasPrefix(r.Path, "/") || target.Host != c.base.Host {
		return nil, fmt.Errorf("build request: %q is no path", r.Path)
	}
	if len(r.Query) > 0 {
		target.RawQuery = r.Query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("build request %s %s: %w", r.Method, r.Path, err)
	}
	c.headers(req, r, token)
	return req, nil
}

func (c *Client) headers(req *http.Request, r Request, token string) {
	h := req.Header
	h.Set("Accept", "application/json, "+wire.ProblemType)
	h.Set("User-Agent", c.cfg.UserAgent)
	h.Set(wire.HeaderRequestID, rand.Text())
	if r.In != nil {
		h.Set("Content-Type", "application/json")
		if r.Method == http.MethodPatch {
			h.Set("Content-Type", "application/merge-patch+json")
		}
	}
	if r.Content != nil {
		h.Set("Content-Type", "application/octet-stream")
	}
	if r.IfMatch != "" {
		h.Set("If-Match", r.IfMatch)
	}
	if r.IfNoneMatch {
		h.Set("If-None-Match", "*")
	}
	switch {
	case token == anonymous:
	case token != "":
		h.Set("Authorization", "Bearer "+token)
	case c.cfg.Token != "":
		h.Set("Authorization", "Bearer "+c.cfg.Token)
	case c.cfg.Username != "":
		req.SetBasicAuth(c.cfg.Username, c.cfg.Password)
	}
	for k, v := range r.Header {
		h[http.CanonicalHeaderKey(k)] = v
	}
}

func (c *Client) response(res *http.Response) Response {
	out := Response{Status: res.StatusCode, ETag: res.Header.Get("ETag"), RequestID: res.Header.Get(wire.HeaderRequestID),
		Cluster: res.Header.Get(wire.HeaderCluster), Node: res.Header.Get(wire.HeaderNode), Header: res.Header}
	if out.RequestID == "" && res.Request != nil {
		out.RequestID = res.Request.Header.Get(wire.HeaderRequestID)
	}
	return out
}

var errTooLong = errors.New("the answer is longer than the limit")

func readAll(res *http.Response) ([]byte, error) {
	if n := res.ContentLength; n > 0 && n <= MaxAnswer { // growing step by step would copy a long one several times
		body := make([]byte, n)
		_, err := io.ReadFull(res.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > MaxAnswer {
		return nil, errTooLong
	}
	return body, nil
}

func isProblem(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && t == wire.ProblemType
}

func cloneValues(v url.Values) url.Values {
	out := url.Values{}
	for k, s := range v {
		out[k] = append([]string(nil), s...)
	}
	return out
}

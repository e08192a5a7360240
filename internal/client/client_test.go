package client_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// serve starts a TLS server that speaks HTTP/2 and gives a client that trusts it. Changes apply to the client's Config.
func serve(t *testing.T, h http.HandlerFunc, changes ...func(*client.Config)) *client.Client {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	trust, err := client.TLSFromPEM(string(root), "", "")
	if err != nil {
		t.Fatal(err)
	}
	cfg := client.Config{Endpoint: s.URL, Token: "secret-token", TLS: trust}
	for _, change := range changes {
		change(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func problem(w http.ResponseWriter, p wire.Problem) {
	w.Header().Set("Content-Type", wire.ProblemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func TestDoSendsAndReads(t *testing.T) {
	var got http.Header
	var body wire.Group
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		if r.ProtoMajor != 2 || r.URL.EscapedPath() != "/v1/groups/a%2Fb" {
			t.Errorf("got %s %s", r.Proto, r.URL.EscapedPath())
		}
		w.Header().Set("ETag", `"e1"`)
		w.Header().Set(wire.HeaderCluster, "NYDC")
		w.Header().Set(wire.HeaderNode, "ny1")
		_, _ = io.WriteString(w, `{"name":"ops","id":"ops","new_in_a_later_version":1}`)
	})
	var out wire.GroupView
	res, err := c.Do(t.Context(), client.Request{Method: http.MethodPut, Path: client.Path("v1", "groups", "a/b"),
		In: wire.Group{Name: "ops"}, Out: &out, IfMatch: `"e0"`})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(client.Response{Status: 200, ETag: `"e1"`, RequestID: got.Get(wire.HeaderRequestID), Cluster: "NYDC", Node: "ny1", Header: res.Header}, res); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{"Authorization": "Bearer secret-token", "If-Match": `"e0"`, "If-None-Match": "", "Content-Type": "application/json", "User-Agent": "concord"}
	for k, v := range want {
		if got.Get(k) != v {
			t.Errorf("%s: got %q, want %q", k, got.Get(k), v)
		}
	}
	if body.Name != "ops" || out.ID != "ops" {
		t.Errorf("got body %+v, answer %+v", body, out)
	}
}

func TestProblemBecomesFault(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		problem(w, wire.Problem{Status: 409, Code: "not_master", Detail: "LDC is a clone.", Hint: "https://ny:7400", RequestID: "r-1",
			Errors: []wire.ProblemField{{Pointer: "/role", Detail: "is clone"}}})
	})
	_, err := c.Do(t.Context(), client.Request{Method: http.MethodPut, Path: "/v1/groups/ops", In: wire.Group{}})
	e, ok := errors.AsType[*client.APIError](err)
	if !ok || e.Status != 409 || e.RequestID != "r-1" {
		t.Fatalf("got %#v", err)
	}
	f, ok := errors.AsType[*fault.Error](err)
	want := &fault.Error{Kind: fault.Conflict, Code: "not_master", Message: "LDC is a clone.", Hint: "https://ny:7400",
		Fields: []fault.Field{{Pointer: "/role", Detail: "is clone"}}}
	if diff := cmp.Diff(want, f); !ok || diff != "" {
		t.Error(diff)
	}
	if got := err.Error(); got != "LDC is a clone: /role: is clone (request id r-1)" {
		t.Errorf("got %q", got)
	}
}

// A proxy's own 404 page must not look like an object that is gone.
func TestStrangersAnswers(t *testing.T) {
	cases := map[string]struct {
		status int
		header map[string]string
		body   string
		kind   fault.Kind
		want   string
	}{
		"proxy's 404":   {404, nil, "<html>nginx", fault.Internal, "not as Concord does"},
		"page with 200": {200, nil, "<html>hello", fault.Internal, "not as Concord does"},
		"redirect":      {302, map[string]string{"Location": "https://elsewhere.example"}, "", fault.Internal, "redirects are not followed"},
		"proxy's 502":   {502, nil, "bad gateway", fault.Unavailable, "502 Bad Gateway"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range tc.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}, func(cfg *client.Config) { cfg.MaxRetries = -1 })
			var out wire.GroupView
			_, err := c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/groups/ops", Out: &out})
			if fault.KindOf(err) != tc.kind || fault.CodeOf(err) != client.CodeNotConcord || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got kind %v, code %q: %v", fault.KindOf(err), fault.CodeOf(err), err)
			}
		})
	}
}

func TestAnswerIsCapped(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range client.MaxAnswer>>20 + 1 {
			_, _ = w.Write(chunk)
		}
	})
	_, err := c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/groups"})
	if fault.KindOf(err) != fault.TooLarge {
		t.Errorf("got %v", err)
	}
}

func TestAllReadsEveryPage(t *testing.T) {
	pages := map[string]string{"": `{"items":[{"name":"a"},{"name":"b"}],"next_cursor":"x"}`, "x": `{"items":[{"name":"c"}],"next_cursor":""}`}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, pages[r.URL.Query().Get("cursor")])
	})
	got, err := client.All[wire.Group](t.Context(), c, "/v1/groups", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]wire.Group{{Name: "a"}, {Name: "b"}, {Name: "c"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAllEndsWhenTheCursorStands(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[{"name":"a"}],"next_cursor":"x"}`)
	})
	if _, err := client.All[wire.Group](t.Context(), c, "/v1/groups", nil); fault.CodeOf(err) != "endless_list" {
		t.Errorf("got %v", err)
	}
}

func TestStreamLeavesTheBodyOpen(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			problem(w, wire.Problem{Status: 404, Code: "not_found", Detail: "no such snapshot"})
			return
		}
		_, _ = io.WriteString(w, "line 1\nline 2\n")
	})
	res, err := c.Stream(t.Context(), client.Request{Method: http.MethodGet, Path: "/snapshot"})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != "line 1\nline 2\n" {
		t.Errorf("got %q, %v", b, err)
	}
	if _, err := c.Stream(t.Context(), client.Request{Method: http.MethodGet, Path: "/gone"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
}

func TestCancelPassesThrough(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/groups"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestBasicForAgents(t *testing.T) {
	var ok atomic.Bool
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		u, p, _ := r.BasicAuth()
		ok.Store(u == "web1" && p == "0123456789abcdef")
	}, func(cfg *client.Config) { cfg.Token, cfg.Username, cfg.Password = "", "web1", "0123456789abcdef" })
	if _, err := c.Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/session/v1/authorize", In: 1}); err != nil || !ok.Load() {
		t.Errorf("got %v", err)
	}
}

// TestContentIsStreamedOnceAnAttempt: a body that is not held in memory is opened for each attempt and closed, and its length
// is announced.
func TestContentIsStreamedOnceAnAttempt(t *testing.T) {
	t.Parallel()
	var attempts, opened, closed atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || string(b) != "content" || r.ContentLength != 7 || r.Header.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%q, announced %d, %v", b, r.ContentLength, err)
		}
		if attempts.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	c, err := client.New(client.Config{Endpoint: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	content := &client.Content{Length: 7, Open: func() (io.ReadCloser, error) {
		opened.Add(1)
		return closing{strings.NewReader("content"), &closed}, nil
	}}
	if _, err := c.Do(t.Context(), client.Request{Method: http.MethodPut, Path: "/x", Content: content}); err != nil {
		t.Fatal(err)
	}
	if attempts.Load() != 2 || opened.Load() != 2 || closed.Load() != 2 {
		t.Errorf("%d attempts, opened %d times, closed %d times", attempts.Load(), opened.Load(), closed.Load())
	}
}

type closing struct {
	io.Reader
	closed *atomic.Int32
}

func (c closing) Close() error {
	c.closed.Add(1)
	return nil
}

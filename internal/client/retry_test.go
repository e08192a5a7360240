package client_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestRepeats: what is repeated, and what is not, when the first answer is the one in the case and the second is 200.
func TestRepeats(t *testing.T) {
	locked := wire.Problem{Status: 409, Code: client.CodeLocked, Detail: "locked by ann"}
	late := wire.Problem{Status: 503, Code: client.CodeNotConfirmed, Detail: "written, not acknowledged"}
	cases := map[string]struct {
		req     client.Request
		first   wire.Problem
		after   string
		repeats bool
	}{
		"get 503":                     {client.Request{Method: http.MethodGet}, wire.Problem{Status: 503}, "", true},
		"get 429":                     {client.Request{Method: http.MethodGet}, wire.Problem{Status: 429}, "0", true},
		"get 502":                     {client.Request{Method: http.MethodGet}, wire.Problem{Status: 502}, "", true},
		"get 500":                     {client.Request{Method: http.MethodGet}, wire.Problem{Status: 500}, "", false},
		"get 401":                     {client.Request{Method: http.MethodGet}, wire.Problem{Status: 401}, "", false},
		"get 403":                     {client.Request{Method: http.MethodGet}, wire.Problem{Status: 403}, "", false},
		"put 412":                     {client.Request{Method: http.MethodPut, IfMatch: `"a"`}, wire.Problem{Status: 412}, "1", false},
		"put 409":                     {client.Request{Method: http.MethodPut}, wire.Problem{Status: 409, Code: "in_use"}, "1", false},
		"put 409 locked":              {client.Request{Method: http.MethodPut, IfMatch: `"a"`}, locked, "1", true},
		"put 503 not confirmed":       {client.Request{Method: http.MethodPut}, late, "1", false},
		"put 409 locked, no time":     {client.Request{Method: http.MethodPut}, locked, "", false},
		"put 503 with a condition":    {client.Request{Method: http.MethodPut, IfNoneMatch: true}, wire.Problem{Status: 503}, "", true},
		"put 504 with a condition":    {client.Request{Method: http.MethodPut, IfNoneMatch: true}, wire.Problem{Status: 504}, "", false},
		"delete 504":                  {client.Request{Method: http.MethodDelete}, wire.Problem{Status: 504}, "", true},
		"post 503":                    {client.Request{Method: http.MethodPost}, wire.Problem{Status: 503}, "", false},
		"post 503 that may":           {client.Request{Method: http.MethodPost, Retry: true}, wire.Problem{Status: 503}, "", true},
		"batch 409 locked":            {client.Request{Method: http.MethodPost, Retry: true, Conditional: true}, locked, "1", true},
		"batch 504":                   {client.Request{Method: http.MethodPost, Retry: true, Conditional: true}, wire.Problem{Status: 504}, "", false},
		"patch 503":                   {client.Request{Method: http.MethodPatch}, wire.Problem{Status: 503}, "", false},
		"get 503 that asks for hours": {client.Request{Method: http.MethodGet}, wire.Problem{Status: 503}, "7200", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if calls.Add(1) > 1 {
					return
				}
				if tc.after != "" {
					w.Header().Set("Retry-After", tc.after)
				}
				problem(w, tc.first)
			})
			tc.req.Path, tc.req.In = "/v1/groups/ops", wire.Group{Name: "ops"}
			_, err := c.Do(t.Context(), tc.req)
			if (calls.Load() == 2) != tc.repeats || (err == nil) != tc.repeats {
				t.Errorf("%d calls, error %v", calls.Load(), err)
			}
			if err != nil && fault.KindOf(err) != client.KindFromStatus(tc.first.Status) {
				t.Errorf("kind %v", fault.KindOf(err))
			}
		})
	}
}

// A write whose answer was lost is not sent again under the same condition: it would be refused because of itself.
func TestLostAnswer(t *testing.T) {
	cases := map[string]struct {
		req   client.Request
		calls int32
	}{
		"conditional": {client.Request{Method: http.MethodPut, IfNoneMatch: true}, 1},
		"batch":       {client.Request{Method: http.MethodPost, Retry: true, Conditional: true}, 1},
		"plain":       {client.Request{Method: http.MethodPut}, 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			c := serve(t, func(http.ResponseWriter, *http.Request) {
				if calls.Add(1) == 1 {
					panic(http.ErrAbortHandler)
				}
			})
			tc.req.Path, tc.req.In = "/v1/groups/ops", wire.Group{Name: "ops"}
			_, err := c.Do(t.Context(), tc.req)
			if calls.Load() != tc.calls || (err == nil) != (tc.calls == 2) {
				t.Errorf("%d calls, error %v", calls.Load(), err)
			}
		})
	}
}

func TestGivesUpAfterMaxRetries(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		problem(w, wire.Problem{Status: 503, Code: "draining", Detail: "the server is stopping"})
	}, func(cfg *client.Config) { cfg.MaxRetries = 1 })
	_, err := c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/v1/groups"})
	if calls.Load() != 2 || fault.CodeOf(err) != "draining" || !fault.Is(err, fault.Unavailable) {
		t.Errorf("%d calls, error %v", calls.Load(), err)
	}
}

package provider_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// counted counts the requests for one group and for the list of groups on their way to a data center.
type counted struct {
	*httptest.Server
	single, lists atomic.Int64
}

func standBetween(t *testing.T, d *testkit.DataCenter) *counted {
	t.Helper()
	to, err := url.Parse(d.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := client.TLSFromPEM(d.CACertPEM, "", "")
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	transport := &http.Transport{TLSClientConfig: trust}
	forward.Transport = transport
	b := &counted{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet:
		case r.URL.Path == "/v1/groups":
			b.lists.Add(1)
		default:
			b.single.Add(1)
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { b.Close(); transport.CloseIdleConnections() })
	return b
}

// read refreshes the state of an object of this name; null = it is gone.
func (p plugged) read(name string) tftypes.Value {
	p.t.Helper()
	state := p.value(map[string]any{"id": name, "name": name, "description": "as it was"})
	r, err := p.server.ReadResource(p.t.Context(), &tfprotov6.ReadResourceRequest{TypeName: p.name, CurrentState: p.wire(state)})
	if err != nil {
		p.t.Error(err)
		return state
	}
	if texts := said(r.Diagnostics); texts != "" {
		p.t.Error(texts)
	}
	return p.unwire(r.NewState)
}

func (p plugged) description(v tftypes.Value) (text string) {
	p.t.Helper()
	if v.IsNull() {
		return "(gone)"
	}
	if err := p.attributes(v)["description"].As(&text); err != nil {
		p.t.Error(err)
	}
	return text
}

// TestManyReadsShareAList: reads of one kind that come together are answered from one list, each as by itself; what the list does
// not have is asked for; and what this provider writes is seen by the next read.
func TestManyReadsShareAList(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	const groups = 90
	var batch wire.Batch
	for n := range groups {
		batch.Operations = append(batch.Operations, wire.BatchOperation{Method: http.MethodPut, Kind: "group", Name: fmt.Sprintf("g%d", n), Body: fmt.Appendf(nil, `{"name":"g%d","description":"number %d"}`, n, n)})
	}
	if _, err := d.Admin().Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/v1/batch", In: batch}); err != nil {
		t.Fatal(err)
	}
	b := standBetween(t, d)
	p := plugTo(t, "concord_group", b.URL, d.Token)

	if got := p.description(p.read("g7")); got != "number 7" || b.lists.Load() != 0 {
		t.Errorf("one read: %q, %d lists", got, b.lists.Load())
	}
	var all sync.WaitGroup
	for n := range groups + 1 {
		all.Go(func() {
			want := fmt.Sprintf("number %d", n)
			if n == groups {
				want = "(gone)"
			}
			if got := p.description(p.read(fmt.Sprintf("g%d", n))); got != want {
				t.Errorf("read of g%d: %q", n, got)
			}
		})
	}
	all.Wait()
	if b.lists.Load() == 0 || b.single.Load() > groups/2 {
		t.Errorf("%d reads took %d single requests and %d lists", groups+2, b.single.Load(), b.lists.Load())
	}

	state := p.value(map[string]any{"id": "g7", "name": "g7", "description": "number 7"})
	config := map[string]any{"name": "g7", "description": "changed"}
	planned, errs := p.plan(state, config)
	if errs != "" {
		t.Fatal(errs)
	}
	if _, errs := p.apply(state, planned, config); errs != "" {
		t.Fatal(errs)
	}
	if got := p.description(p.read("g7")); got != "changed" {
		t.Errorf("after a change by this provider: %q", got)
	}
}

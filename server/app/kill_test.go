package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// writers change objects of their own, one after another, and remember what was acknowledged.
type writers struct {
	group sync.WaitGroup
	stop  context.CancelFunc
	count atomic.Int64
	acked [8]map[string]int // by writer: object -> the last acknowledged value
	tried [8]map[string]int // by writer: object -> the last value that was sent
	last  [8]error          // what ended the writer; nil when the test did
}

// write starts eight writers.
func write(t *testing.T, d *testkit.DataCenter) *writers {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	w := &writers{stop: stop}
	api := d.Admin()
	for i := range w.acked {
		w.acked[i], w.tried[i] = map[string]int{}, map[string]int{}
		w.group.Go(func() { w.run(ctx, api, i) })
	}
	return w
}

func (w *writers) run(ctx context.Context, api *client.Client, i int) {
	for n := 1; ctx.Err() == nil; n++ {
		name := fmt.Sprintf("w%d-%d", i, n%5)
		w.tried[i][name] = n
		_, err := api.Do(context.WithoutCancel(ctx), client.Request{Method: http.MethodPut, Path: "/v1/groups/" + name, In: wire.Group{Name: name, Description: fmt.Sprint(n)}})
		if err != nil {
			w.last[i] = err
			return
		}
		w.acked[i][name] = n
		w.count.Add(1)
	}
}

// reached waits until that many writes are acknowledged.
func (w *writers) reached(d *testkit.DataCenter, n int64) {
	d.Within(testkit.Limit, fmt.Sprint(n, " writes are acknowledged"), func() bool { return w.count.Load() >= n })
}

// check wants every acknowledged value, or the one that was on its way, and no other.
func (w *writers) check(t *testing.T, d *testkit.DataCenter) {
	t.Helper()
	for i := range w.acked {
		if err := w.last[i]; err != nil && fault.CodeOf(err) != client.CodeUnreachable {
			t.Errorf("writer %d was refused: %v", i, err)
		}
		for name, n := range w.acked[i] {
			var g wire.GroupView
			d.Get("/v1/groups/"+name, &g)
			if g.Description != fmt.Sprint(n) && g.Description != fmt.Sprint(w.tried[i][name]) {
				t.Errorf("%s: %s has %q, acknowledged was %d", d.ClusterID, name, g.Description, n)
			}
		}
	}
}

// TestNothingAcknowledgedIsLostByAKill is kill -9 of the master, then of the clone, under eight writers: all that was
// acknowledged is there after the restart, and both are equal again (FLT-01, FLT-10, FLT-16).
func TestNothingAcknowledgedIsLostByAKill(t *testing.T) {
	all := linked(t, "NYDC", "LDC")
	master, clone := all[0], all[1]
	dcs := centers(all)
	for range 2 {
		w := write(t, &master.DataCenter)
		w.reached(&master.DataCenter, 150)
		master.Kill()
		w.stop()
		w.group.Wait()
		before := clone.View()
		master.Start()
		if now := master.View(); now.LastSequence < before.LastSequence {
			t.Fatalf("the clone had %d, the master came back with %d: it had shown what it could lose", before.LastSequence, now.LastSequence)
		}
		w.check(t, &master.DataCenter)
		testkit.InStep(dcs...)
	}
	w := write(t, &master.DataCenter)
	w.reached(&master.DataCenter, 50)
	clone.Kill()
	w.reached(&master.DataCenter, 150)
	clone.Launch()
	w.reached(&master.DataCenter, 250)
	w.stop()
	w.group.Wait()
	clone.WaitReady()
	w.check(t, &master.DataCenter)
	testkit.InStep(dcs...)
	w.check(t, &clone.DataCenter)
}

// TestTermFinishesWhatIsUnderWay: SIGTERM makes the node say that it is not ready while it still answers; no request that
// was taken fails, and it ends by itself with exit code 0; whoever speaks HTTP/1.1 is told to use another connection (FLT-30).
func TestTermFinishesWhatIsUnderWay(t *testing.T) {
	all := linked(t, "NYDC", "LDC") // the clone's long poll must not hold up the end
	master := all[0]
	b := testkit.NewBrowser(t, centers(all)...)
	if p := b.Get(master.RuntimeURL + "/v1/health"); p.Status != http.StatusOK {
		t.Fatalf("before: %d", p.Status)
	}
	w := write(t, &master.DataCenter)
	w.reached(&master.DataCenter, 50)
	old := &http.Transport{TLSClientConfig: master.TLS()} // HTTP/1.1, as load balancers speak it
	defer old.CloseIdleConnections()
	if parts(t, master, old) {
		t.Error("a node that stays wants no connection kept")
	}
	master.Signal(syscall.SIGTERM)
	master.Within(testkit.Limit, "says that it is stopping, and answers", func() bool {
		p := b.Get(master.RuntimeURL + "/v1/health")
		return p.Status == http.StatusServiceUnavailable && p.Header.Get("Retry-After") != "" && parts(t, master, old)
	})
	if code := master.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	w.group.Wait() // each ends with a closed door
	for i, err := range w.last {
		if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "dial" {
			t.Errorf("writer %d had a request cut off: %v", i, err)
		}
	}
	w.stop()
	master.Start()
	w.check(t, &master.DataCenter)
	testkit.InStep(centers(all)...)
}

// parts says whether the node wants the connection of an answer closed.
func parts(t *testing.T, p *testkit.Process, pool *http.Transport) bool {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.RuntimeURL+"/v1/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := pool.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.ProtoMajor != 1 {
		t.Errorf("%s: %v", answer.Proto, err)
	}
	return answer.Close
}

// TestAPausedMasterIsFollowedAgain: a master that stops answering without closing anything is stale for the clone, which
// serves on; when it goes on, both are equal by themselves (FLT-10, FLT-12).
func TestAPausedMasterIsFollowedAgain(t *testing.T) {
	all := linked(t, "NYDC", "LDC")
	master, clone := all[0], all[1]
	master.User("ann")
	app := master.Application("desk", desk)
	testkit.InStep(centers(all)...)
	master.Signal(syscall.SIGSTOP)
	signedIn(t, app.Through(&clone.DataCenter), "ann", &clone.DataCenter)
	master.Signal(syscall.SIGCONT)
	master.Put("/v1/groups/after", wire.Group{Name: "after"})
	testkit.InStep(centers(all)...)
}

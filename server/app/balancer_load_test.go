package app_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// caller goes through a balancer again and again, without repeating what failed.
type caller struct {
	name   string
	tied   bool // to the node that a connection leads to
	rounds atomic.Int64

	mu     sync.Mutex // guards failed
	failed []failure
}

// failure is a round that failed at its last request.
type failure struct {
	err       error
	began     time.Time // when the request was made
	connected time.Time // when its connection was; zero = in an earlier round
	tied      bool      // whether its connection may lead to one node
}

// crowd is several callers.
type crowd struct {
	t     *testing.T
	all   []*caller
	group sync.WaitGroup
	stop  context.CancelFunc
	ctx   context.Context
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &crowd{t: t, ctx: ctx, stop: stop}
	t.Cleanup(c.end)
	return c
}

func (c *crowd) end() {
	c.stop()
	c.group.Wait()
}

// join adds a caller who does round until the end. Who is tied loses what is sent over a connection that leads to a dead node.
func (c *crowd) join(name string, tied bool, round func(testing.TB)) {
	who := &caller{name: name, tied: tied}
	c.all = append(c.all, who)
	c.group.Go(func() {
		for c.ctx.Err() == nil {
			who.once(c.t, round)
		}
	})
}

func (w *caller) once(t *testing.T, round func(testing.TB)) {
	var mu sync.Mutex // guards last and made: HTTP/2 tells from goroutines of its own
	var last failure
	made := map[net.Conn]time.Time{}
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GetConn: func(string) { mu.Lock(); defer mu.Unlock(); last = failure{began: time.Now()} },
		GotConn: func(i httptrace.GotConnInfo) {
			mu.Lock()
			defer mu.Unlock()
			if !i.Reused {
				made[i.Conn] = time.Now()
			}
			last.connected = made[i.Conn]
		},
	})
	err := testkit.Try(ctx, t, round)
	mu.Lock()
	defer mu.Unlock()
	if last.err, last.tied = err, w.tied; err != nil {
		w.mu.Lock()
		w.failed = append(w.failed, last)
		w.mu.Unlock()
		return
	}
	w.rounds.Add(1)
}

// more waits until everybody has come through so many times from now on.
func (c *crowd) more(d *testkit.DataCenter, rounds int64) {
	c.t.Helper()
	for _, w := range c.all {
		until := w.rounds.Load() + rounds
		d.Within(2*testkit.Limit, w.name+" comes through", func() bool { return w.rounds.Load() >= until })
	}
}

// failures gives what failed since it was asked last, but what was under way at a moment.
func (c *crowd) failures(underWay func(failure) bool) (out []string) {
	for _, w := range c.all {
		w.mu.Lock()
		for _, f := range w.failed {
			if !underWay(f) {
				out = append(out, fmt.Sprintf("%s: %v (began %s, connected %s)", w.name, f.err, f.began.Format(time.StampMilli), f.connected.Format(time.StampMilli)))
			}
		}
		w.failed = nil
		w.mu.Unlock()
	}
	return out
}

func nothing(failure) bool { return false }

// killed are requests that were made before a node was dead, or over a connection that may have led to it.
func killed(dead time.Time) func(failure) bool {
	return func(f failure) bool { return !f.began.After(dead) || f.tied && f.connected.Before(dead) }
}

// person signs in, opens an application, goes on and signs out, each of it wherever the balancer sends it.
func person(at *testkit.DataCenter, a testkit.Application, user string) func(testing.TB) {
	return func(t testing.TB) {
		here := at.For(t)
		b, app := testkit.NewBrowser(t, here), a.Through(here)
		if seen := b.Open(app, user, testkit.Password); seen.User != user || !seen.Asked {
			t.Fatalf("sign-in: %+v", seen)
		}
		cookie := b.AgentCookie(app)
		for range 3 {
			if answer := app.Authorize(cookie); answer.User != user {
				t.Fatalf("a request of who is signed in: %+v", answer)
			}
		}
		if p := b.SignOut(here); p.Status != http.StatusOK && p.Status != http.StatusSeeOther {
			t.Fatalf("sign-out: %d", p.Status)
		}
		here.Within(testkit.Limit, "the sign-out counts", func() bool { return app.Authorize(cookie).Decision == wire.DecisionChallenge })
	}
}

// visitor signs in and out at the sign-in host itself.
func visitor(at *testkit.DataCenter, a testkit.Application, user string) func(testing.TB) {
	return func(t testing.TB) {
		here := at.For(t)
		b := testkit.NewBrowser(t, here)
		b.SignIn(here, user)
		if answer := a.Through(here).Authorize(""); answer.Decision != wire.DecisionChallenge {
			t.Fatalf("a stranger's request: %+v", answer)
		}
		b.SignOut(here)
	}
}

// administrator reads and writes over connections that are kept.
func administrator(api *client.Client, name string) func(testing.TB) {
	n := 0
	return func(t testing.TB) {
		n++
		for _, r := range []client.Request{
			{Method: http.MethodPut, Path: "/v1/groups/" + name, In: wire.Group{Name: name, Description: fmt.Sprint(n)}},
			{Method: http.MethodGet, Path: "/v1/groups/" + name, Out: &wire.GroupView{}},
			{Method: http.MethodGet, Path: "/v1/users/ann", Out: &wire.UserView{}},
		} {
			if _, err := api.Do(t.Context(), r); err != nil {
				t.Fatalf("%s %s: %v", r.Method, r.Path, err)
			}
		}
	}
}

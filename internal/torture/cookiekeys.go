package main

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// cookieKeys replaces the keys of every cookie again and again, while people sign in, go over between two data centers and stay
// where they are with the cookies of long ago. It counts those who were refused or asked again (FLT-23).
func cookieKeys(s *stage) {
	both := testkit.StartProcesses(s, s.program(), "NYDC", "LDC")
	ny, ld := &both[0].DataCenter, &both[1].DataCenter
	testkit.Link(ny, ld)
	for _, user := range []string{"ann", "bob", "cid"} {
		ny.User(user)
	}
	desk := ny.Application("desk", "https://desk.example")
	testkit.InStep(ny, ld)
	loads := testkit.Adoptions{testkit.Adopt(ny, ld, desk, "ann"), testkit.Adopt(ld, ny, desk, "bob")}
	stay := settle(s, desk, ny, ld)
	for i := range s.runs {
		was := sealing(ny)
		if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/cookie-keys/rotate", In: wire.CookieKeyRotation{}}); err != nil {
			s.Fatalf("rotation %d: %v", i, err)
		}
		ny.Within(testkit.Limit, "every key is another one", func() bool { return allDiffer(was, sealing(ny)) })
		loads.More(1)
	}
	rounds, failed := loads.Stop()
	asked, refused := stay()
	s.Logf("%d adoptions and %d requests during %d rotations, %d and %d refused", rounds, asked, s.runs, failed, refused)
	for range failed + refused {
		s.broke("somebody was refused")
	}
	if asked == 0 {
		s.broke("nobody asked")
	}
	testkit.InStep(ny, ld)
}

// settle has people ask at both data centers without a pause, each with the cookie of a sign-in before it. The result ends that,
// and says how often they asked and how often they were refused.
func settle(s *stage, desk testkit.Application, centers ...*testkit.DataCenter) (stop func() (asked, refused int64)) {
	ctx, cancel := context.WithCancel(s.Context())
	var all sync.WaitGroup
	var asked, refused atomic.Int64
	for _, d := range centers {
		b := testkit.NewBrowser(s, centers...)
		if v := b.Open(desk.Through(d), "cid", testkit.Password); v.User != "cid" {
			s.Fatalf("sign in at %s: %+v", d.ClusterID, v)
		}
		cookie := b.AgentCookie(desk)
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if a := desk.Through(centers[i%len(centers)]).Authorize(cookie); a.User != "cid" {
					s.Logf("%s: %s %s", centers[i%len(centers)].ClusterID, a.Decision, a.Reason)
					refused.Add(1)
				}
				asked.Add(1)
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		all.Wait()
		return asked.Load(), refused.Load()
	}
}

// sealing gives the id of the key that seals, for each purpose.
func sealing(d *testkit.DataCenter) map[string]uint32 {
	var v wire.CookieKeys
	d.Get("/v1/cookie-keys", &v)
	out := map[string]uint32{}
	for _, k := range v.Keys {
		if k.State == "active" {
			out[k.Purpose] = k.ID
		}
	}
	return out
}

func allDiffer(was, is map[string]uint32) bool {
	for purpose, id := range was {
		if is[purpose] == id {
			return false
		}
	}
	return len(is) == len(was)
}

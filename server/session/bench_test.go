package session_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/session"
)

// The request path: a cookie that was opened before and its resident session.
func BenchmarkAuthorizeResident(b *testing.B) { benchmarkAuthorize(b, false) }

// The same with a common domain: the inactivity cookie is sealed for each request.
func BenchmarkAuthorizeInactivity(b *testing.B) { benchmarkAuthorize(b, true) }

func benchmarkAuthorize(b *testing.B, domain bool) {
	w := newWorld(b, "NYDC")
	if domain {
		w.set(commonDomain)
	}
	br := w.browser()
	br.signIn("NYDC", "ann")
	br.enter("shop", "NYDC", "NYDC")
	in := session.AuthorizeInput{Scheme: "https", Host: "shop.example.com", Cookie: br.agentCookie("shop")}
	b.ReportMetric(float64(len(in.Cookie)), "cookie-bytes")
	fixed := w.centers["NYDC"]
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if d, err := fixed.Authorize(context.Background(), agents["shop"], in); err != nil || d.Session == nil {
				b.Errorf("%v %s", err, d.Rule)
			}
		}
	})
}

// BenchmarkSignIn makes durable sessions, for one caller and for 64.
func BenchmarkSignIn(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			w := newWorld(b, "NYDC")
			c := w.centers["NYDC"]
			b.ReportAllocs()
			b.ResetTimer()
			var next atomic.Int64
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for next.Add(1) <= int64(b.N) {
						q := session.SignInRequest{Store: people, Level: 1, ClientAddress: "192.0.2.1", Person: session.Person{Name: "ann", Groups: []string{"staff"}, Enabled: true}}
						if _, err := c.SignIn(context.Background(), q); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sessions/s")
		})
	}
}

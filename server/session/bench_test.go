package session_test

import (
	"context"
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

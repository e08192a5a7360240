package app_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/app"
)

// TestStandstill: a node that stood still for longer than the limit answers no request before it has read anew what others did, and one that cannot
// goes on after a while; one that moves reads nothing (FLT-31).
func TestStandstill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clock.NewManual(time.Unix(1_800_000_000, 0))
		var reads, served atomic.Int32
		let := make(chan error)
		s := app.NewStandstill(now, slog.New(slog.DiscardHandler), func(context.Context) error {
			reads.Add(1)
			return <-let
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		h := s.Before(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
		ask := func() {
			go h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
			synctest.Wait()
		}
		want := func(what string, wantReads, wantServed int32) {
			t.Helper()
			if synctest.Wait(); reads.Load() != wantReads || served.Load() != wantServed {
				t.Errorf("%s: read anew %d times, served %d; want %d and %d", what, reads.Load(), served.Load(), wantReads, wantServed)
			}
		}
		now.Advance(app.StillLimit)
		ask()
		want("it moved", 0, 1)
		now.Advance(app.StillLimit + time.Millisecond)
		ask()
		ask()
		want("it stood still", 1, 1)
		let <- nil
		want("it has read anew", 1, 3)
		now.Advance(time.Hour)
		ask()
		want("it stood still again", 2, 3)
		now.Advance(time.Hour)
		ask()
		let <- nil
		want("it stood still while it read", 3, 3)
		let <- errors.New("no quorum")
		want("it cannot read", 3, 5)
		ask()
		want("it moves again", 3, 6)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

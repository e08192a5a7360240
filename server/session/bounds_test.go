package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// OAM-22, OAM-23, X2, FLT-12: a data center that is silent is asked retrieval_max_attempts times, 2 by default, and all questions to all data
// centers together end within retrieval_max_wait of the first.
func TestQuestionsAreBounded(t *testing.T) {
	const wait = 60 * time.Millisecond
	for name, c := range map[string]struct{ attempts, questions int }{"by default": {0, 2}, "once": {1, 1}, "three times": {3, 3}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "NYDC", "LDC", "PARIS")
			w.set(func(p *mdc.SessionPolicy) {
				p.RetrievalMaxWait = mdc.Duration(wait)
				if c.attempts > 0 {
					p.RetrievalMaxAttempts = c.attempts
				}
			})
			b := w.browser()
			b.signIn("NYDC", "ann")
			want(t, "at LDC", b.visit("LDC").Rule, session.AdoptedFound)
			var first time.Time
			w.asked = func(ctx context.Context) error { // one question after the other
				if first.IsZero() {
					first = time.Now()
				}
				if end, ok := ctx.Deadline(); !ok || end.After(first.Add(wait)) {
					t.Errorf("a question may last until %s after the first", end.Sub(first))
				}
				<-ctx.Done()
				return ctx.Err()
			}
			ny, ldc := w.centers["NYDC"].retrievals.Load(), w.centers["LDC"].retrievals.Load()
			want(t, "at PARIS", b.visit("PARIS").Rule, session.ChallengeUnreachable)
			want(t, "questions to LDC", w.centers["LDC"].retrievals.Load()-ldc, int64(c.questions))
			want(t, "questions to NYDC", w.centers["NYDC"].retrievals.Load()-ny, int64(c.questions))
		})
	}
}

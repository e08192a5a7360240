package replication_test

import (
	"slices"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// A write is waited for until the clones that shall be waited for have it, and only for those; who has not is named.
func TestAwait(t *testing.T) {
	l, master, clone := pair(t)
	other := newSite(t, l, "TDC", clock.System{})
	agree(master, clone, "ny-ld", func(a *mdc.Agreement) { a.WaitForSync = true })
	agree(master, other, "ny-td", nil)
	bootstrap(t, clone, "ny-ld")
	bootstrap(t, other, "ny-td")
	l.setCut("TDC", true)
	for i := range 20 {
		master.groups(i, i+1)
		at, awaited, err := master.feed.Awaited(t.Context())
		must(t, err)
		behind, err := master.feed.Await(t.Context(), at)
		must(t, err)
		if !awaited || len(behind) > 0 || clone.position().Sequence < at.Sequence {
			t.Fatalf("awaited %v, behind %v, clone at %d of %d", awaited, behind, clone.position().Sequence, at.Sequence)
		}
	}
	l.setCut("LDC", true)
	master.groups(30, 31)
	at, _, err := master.feed.Awaited(t.Context())
	must(t, err)
	behind, err := master.feed.Await(t.Context(), at)
	must(t, err)
	if !slices.Equal(behind, []string{"LDC"}) {
		t.Errorf("behind %v", behind)
	}
	if _, awaited, err := other.feed.Awaited(t.Context()); awaited || err != nil {
		t.Errorf("a clone waits for somebody: %v", err)
	}
}

// A write does not wait any more for a clone whose agreement goes while it waits: a destroy of everything at once would spend five
// seconds on each write.
func TestAwaitEndsWithTheAgreement(t *testing.T) {
	l, master, clone := pair(t)
	agree(master, clone, "ny-ld", func(a *mdc.Agreement) { a.WaitForSync = true })
	bootstrap(t, clone, "ny-ld")
	l.setCut("LDC", true)
	master.groups(1, 2)
	at, _, err := master.feed.Awaited(t.Context())
	must(t, err)
	done := make(chan []string, 1)
	go func() {
		behind, err := master.feed.Await(t.Context(), at)
		if err != nil {
			t.Error(err)
		}
		done <- behind
	}()
	master.enable("ny-ld", false)
	if behind := <-done; len(behind) > 0 {
		t.Errorf("behind %v", behind)
	}
}

package passphrase

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Follow brings into force here what pairings pin that other nodes on the same store made, and wakes who waits for one, until ctx ends. It
// gives nil.
func (p *Pairings) Follow(ctx context.Context) error {
	told := func() {
		p.c.Pinned()
		p.tell()
	}
	store.Follow(ctx, p.c.Store, []byte(recordPrefix), func(context.Context) error { told(); return nil },
		func([]store.Event) error { told(); return nil },
		func(err error) {
			p.c.Logger.Warn("pairings of other nodes are not followed; trying again", "error", err)
		})
	return nil
}

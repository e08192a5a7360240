package passphrase

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Follow brings into force here what pairings pin that other nodes on the same store made, and wakes who waits for one, until ctx ends. It
// gives nil.
func (p *Pairings) Follow(ctx context.Context) error {
	store.Follow(ctx, p.c.Store, []byte(recordPrefix), p.Reread, func([]store.Event) error { return p.Reread(ctx) },
		func(err error) {
			p.c.Logger.Warn("pairings of other nodes are not followed; trying again", "error", err)
		})
	return nil
}

// Reread brings into force what is pinned now, as Follow does when it begins. It gives nil: who reads the roots tries again by itself.
func (p *Pairings) Reread(context.Context) error {
	p.c.Pinned()
	p.tell()
	return nil
}

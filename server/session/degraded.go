package session

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// pendingRecord remembers that a sign-on was taken from its cookie because nobody could be asked (OAM-32). It outlives the
// session, so that max_degraded_age counts once for a sign-on and not again for each session made from its cookie.
type pendingRecord struct {
	Since  time.Time `json:"since"`
	Denied bool      `json:"denied,omitempty"` // a partner that came back did not confirm it
	Asked  []string  `json:"asked,omitempty"`  // who can confirm it
	Claim  string    `json:"claim"`            // sealed: the proof is never kept in clear
}

func (p *pendingRecord) write(w store.Writer, s *mdc.Session, now time.Time) error {
	v, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode pending confirmation: %w", err)
	}
	return w.Put(keyPending(s.SSOID), v, ttl(s, now))
}

// pendingAt binds sealed claims that this data center keeps for itself. No agent's code has an empty agent.
func (e *Engine) pendingAt() seal.Context {
	return seal.Context{Purpose: mdc.PurposeCode, Host: "pending." + mdc.FoldName(e.cfg.ClusterID)}
}

// pendingOf gives what is kept of a sign-on that was taken from its cookie, or the beginning of that.
func (e *Engine) pendingOf(ctx context.Context, c *claim) (*pendingRecord, error) {
	record := &pendingRecord{Since: e.now()}
	err := e.cfg.Sessions.View(ctx, func(r store.Reader) error {
		v, err := get(r, keyPending(c.SSOID))
		if err != nil || v == nil {
			return err
		}
		return json.Unmarshal(v, record)
	})
	if err != nil {
		return nil, fmt.Errorf("read pending confirmation of %s: %w", c.SSOID, err)
	}
	return record, nil
}

// degrade completes the record to write with a degraded session: who can confirm it, and by what.
func (e *Engine) degrade(ctx context.Context, c *claim, record *pendingRecord) (err error) {
	if record.Asked, err = e.candidates(ctx, c); err != nil {
		return err
	}
	record.Claim, err = e.sealClaim(payloadPending, e.pendingAt(), *c)
	return err
}

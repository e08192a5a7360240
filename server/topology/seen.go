package topology

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	seenPrefix = "t/s/"
	seenEvery  = 30 * time.Second // how old the kept form may get; the end of the server writes it too
)

// seen is what is kept of a partner over a restart. Whether it answers is found out anew.
type seen struct {
	CertificateExpiresAt time.Time     `json:"certificate_expires_at,omitzero"`
	Skew                 time.Duration `json:"skew"`
	LastSuccess          time.Time     `json:"last_success,omitzero"`
	LastError            string        `json:"last_error,omitempty"`
	LastErrorAt          time.Time     `json:"last_error_at,omitzero"`
}

// recall reads what was kept, for partners of which nothing is known yet.
func (p *Partners) recall(ctx context.Context) error {
	return p.c.Log.View(ctx, func(s *journal.Snapshot) error {
		return s.Reader().Range(store.Span{Prefix: []byte(seenPrefix)}, func(k, v []byte) error {
			var kept seen
			if err := json.Unmarshal(v, &kept); err != nil {
				return fmt.Errorf("read %s: %w", k, err)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			id := string(k[len(seenPrefix):])
			if _, known := p.known[id]; !known {
				p.known[id] = PartnerState{CertificateExpiresAt: kept.CertificateExpiresAt, Skew: kept.Skew, LastSuccess: kept.LastSuccess,
					LastError: kept.LastError, LastErrorAt: kept.LastErrorAt}
			}
			return nil
		})
	})
}

// keep writes what is known of every partner and removes those that are gone. A failure costs only the memory over a restart.
func (p *Partners) keep(ctx context.Context) {
	p.mu.Lock()
	now := map[string]seen{}
	for id, st := range p.known {
		now[id] = seen{st.CertificateExpiresAt, st.Skew, st.LastSuccess, st.LastError, st.LastErrorAt}
	}
	p.mu.Unlock()
	err := p.c.Log.Update(ctx, func(tx *journal.Tx) error {
		var gone [][]byte
		err := tx.Reader().Range(store.Span{Prefix: []byte(seenPrefix)}, func(k, _ []byte) error {
			if _, ok := now[string(k[len(seenPrefix):])]; !ok {
				gone = append(gone, k)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, k := range gone {
			if err := tx.Writer().Delete(k); err != nil {
				return err
			}
		}
		return writeSeen(tx, now)
	})
	if err != nil && ctx.Err() == nil {
		p.c.Logger.Warn("cannot keep what is known of partners", "error", err)
	}
}

func writeSeen(tx *journal.Tx, now map[string]seen) error {
	for id, s := range now {
		_, found, err := tx.Body(mdc.PartnerKind(), id)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		b, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("encode what is known of %s: %w", id, err)
		}
		if err := tx.Writer().Put([]byte(seenPrefix+id), b, 0); err != nil {
			return err
		}
	}
	return nil
}

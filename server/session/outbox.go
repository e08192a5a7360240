package session

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// queued is an event in the outbox. Its claim is sealed: it carries the proof that the receiver wants to see.
type queued struct {
	ID      string        `json:"id"`
	Kind    string        `json:"kind,omitempty"` // "" of an older version: KindJoined
	SSOID   mdc.SSOID     `json:"sso_id"`
	Session mdc.SessionID `json:"session_id,omitempty"` // the sender's
	Claim   string        `json:"claim"`
	At      time.Time     `json:"at"`
}

func outboxOf(partner string) []byte { return []byte("e/" + mdc.FoldName(partner) + "/") }

// tellMembers queues, in the transaction that makes a session or confirms it, the news of it for every member: joined, or with an
// anchored policy moved (OAM-19). The one that gave the session hears it too: it may have crashed before its own note was durable.
func (e *Engine) tellMembers(w store.Writer, c *claim, s *mdc.Session, members []string) error {
	if e.cfg.Policies.SessionPolicy().Anchored {
		return e.tell(w, KindMoved, c, s, members)
	}
	return e.tell(w, KindJoined, c, s, members)
}

func (e *Engine) tell(w store.Writer, kind string, c *claim, s *mdc.Session, members []string) error {
	now := e.now()
	at := now
	if kind == KindMoved {
		at = s.CreatedAt
	}
	for _, member := range members {
		if mdc.SameName(member, e.cfg.ClusterID) {
			continue
		}
		claim, err := e.sealClaim(payloadPending, e.pendingAt(), *c)
		if err != nil {
			return err
		}
		q := queued{ID: newRandom().text(), Kind: kind, SSOID: c.SSOID, Session: s.ID, Claim: claim, At: at}
		v, err := json.Marshal(q)
		if err != nil {
			return fmt.Errorf("encode event: %w", err)
		}
		key := binary.BigEndian.AppendUint64(outboxOf(member), uint64(now.UnixMilli()))
		if err := w.Put(append(key, q.ID...), v, life(c.ExpiresAt, now)); err != nil {
			return err
		}
	}
	return nil
}

// deliver sends partner its events, oldest first, and forgets what it took.
func (e *Engine) deliver(ctx context.Context, partner string) error {
	for {
		keys, events, err := e.outgoing(ctx, partner)
		if err != nil || len(keys) == 0 {
			return err
		}
		if len(events) > 0 {
			if err := e.cfg.Peers.SendEvents(ctx, partner, events); err != nil {
				return fmt.Errorf("send events to %s: %w", partner, err)
			}
		}
		err = e.cfg.Sessions.Update(ctx, func(w store.Writer) error {
			for _, k := range keys {
				if err := w.Delete(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("forget events to %s: %w", partner, err)
		}
	}
}

func (e *Engine) outgoing(ctx context.Context, partner string) (keys [][]byte, events []Event, err error) {
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) error {
		return r.Range(store.Span{Prefix: outboxOf(partner)}, func(k, v []byte) error {
			if len(keys) == maxEvents {
				return store.ErrStop
			}
			keys = append(keys, k)
			var q queued
			if err := json.Unmarshal(v, &q); err != nil {
				return fmt.Errorf("decode event: %w", err)
			}
			if c, err := e.openClaim(payloadPending, e.pendingAt(), q.Claim); err == nil {
				events = append(events, Event{ID: q.ID, Kind: cmp.Or(q.Kind, KindJoined), SSOID: q.SSOID, Session: q.Session, Proof: c.Proof[:], At: q.At})
			}
			return nil
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read events for %s: %w", partner, err)
	}
	return keys, events, nil
}

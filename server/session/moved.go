package session

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// movedRecord says where a sign-on is anchored that was taken over from here (OAM-34). It is kept as long as the sign-on
// may live. Of two, the later counts; times are those of the takers, so equal ones are told apart by the cluster id.
type movedRecord struct {
	To        string        `json:"to"`
	ID        mdc.SessionID `json:"id"` // of the session there
	At        time.Time     `json:"at"` // when it was made there
	ExpiresAt time.Time     `json:"expires_at"`
	ProofHash []byte        `json:"proof_hash"`
}

func keyMoved(sso mdc.SSOID) []byte { return []byte("m/" + sso) }

// readMoved gives nil when the sign-on was not taken over.
func readMoved(r store.Reader, sso mdc.SSOID) (*movedRecord, error) {
	v, err := get(r, keyMoved(sso))
	if err != nil || v == nil {
		return nil, err
	}
	m := new(movedRecord)
	if err := json.Unmarshal(v, m); err != nil {
		return nil, fmt.Errorf("decode where %s went: %w", sso, err)
	}
	return m, nil
}

func (m *movedRecord) write(w store.Writer, sso mdc.SSOID, now time.Time) error {
	v, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode where %s went: %w", sso, err)
	}
	return w.Put(keyMoved(sso), v, life(m.ExpiresAt, now))
}

// later orders takings over.
func later(at time.Time, cluster string, than time.Time, thanCluster string) bool {
	if !at.Equal(than) {
		return at.After(than)
	}
	return mdc.FoldName(cluster) > mdc.FoldName(thanCluster)
}

// returns makes this data center the sign-on's anchor: its session is later than the taking over that it undoes.
func returns(w store.Writer, s *mdc.Session) error {
	m, err := readMoved(w, s.SSOID)
	if err != nil || m == nil {
		return err
	}
	s.CreatedAt = after(s.CreatedAt, m.At, s.CreatedAt)
	return w.Delete(keyMoved(s.SSOID))
}

// wentTo gives where a sign-on went that the claim proves; "" when it did not.
func (e *Engine) wentTo(ctx context.Context, c *claim) (to string, err error) {
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) error {
		m, err := readMoved(r, c.SSOID)
		if err == nil && m != nil && hashes(c.Proof[:], m.ProofHash) {
			to = m.To
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read where %s went: %w", c.SSOID, err)
	}
	return to, nil
}

// moved takes a partner's word that it has taken a sign-on over: the session here ends without a tombstone, and whoever asks
// is sent there. A partner speaks for itself alone, and only about what it proves or was given (SEC-47). Where the session
// here is the later one it stays, and the partner is told.
func (e *Engine) moved(ctx context.Context, from string, ev Event) error {
	now := e.now()
	if ev.At.After(now.Add(revocation.Skew)) {
		return nil
	}
	e.places.changing.RLock()
	defer e.places.changing.RUnlock()
	defer e.lock(ev.SSOID)()
	var ended *mdc.Session
	freed := false
	err := e.cfg.Sessions.Update(ctx, func(w store.Writer) error {
		ended, freed = nil, false
		s, err := readVia(w, keySSO(ev.SSOID))
		switch {
		case err != nil:
			return err
		case s == nil:
			return e.movedOn(w, from, ev, now)
		case !ev.entitled(from, s):
			return nil
		case !later(ev.At, from, s.CreatedAt, e.cfg.ClusterID):
			return e.contradict(w, from, ev, s)
		}
		ended = s
		if freed, err = e.remove(w, s); err != nil {
			return err
		}
		gone := about(s, actMove, "moved")
		gone.Actor, gone.Detail = "partner:"+from, "to "+from+", session "+string(ev.Session)
		if err := e.append(ctx, w, gone); err != nil {
			return err
		}
		m := &movedRecord{To: from, ID: ev.Session, At: ev.At, ExpiresAt: s.ExpiresAt, ProofHash: s.ProofHash}
		return m.write(w, s.SSOID, now)
	})
	if err != nil {
		return fmt.Errorf("let %s go to %s: %w", ev.SSOID, from, err)
	}
	if ended != nil {
		e.gone(ended)
	}
	if freed {
		e.freed()
	}
	return nil
}

// movedOn is for a sign-on that has left already.
func (e *Engine) movedOn(w store.Writer, from string, ev Event, now time.Time) error {
	m, err := readMoved(w, ev.SSOID)
	if err != nil || m == nil || !later(ev.At, from, m.At, m.To) || !hashes(ev.Proof, m.ProofHash) {
		return err
	}
	m.To, m.ID, m.At = from, ev.Session, ev.At
	return m.write(w, ev.SSOID, now)
}

// contradict tells a partner that took a sign-on over before this data center did. What is not confirmed here contradicts
// nobody.
func (e *Engine) contradict(w store.Writer, from string, ev Event, s *mdc.Session) error {
	if s.DegradedSince != nil || len(ev.Proof) != 16 {
		return nil
	}
	c := claim{Cluster: e.cfg.ClusterID, ID: s.ID, Proof: random128(ev.Proof), SSOID: s.SSOID, User: s.User, Store: s.Store, Level: s.Level, LevelDomain: s.LevelDomain,
		AuthenticatedAt: s.AuthenticatedAt, ExpiresAt: s.ExpiresAt, Seen: s.LastAccess, Until: s.ExpiresAt}
	return e.tell(w, KindMoved, &c, s, []string{from})
}

// entitled says whether a partner may speak about a session: it shows the proof, or it was given the session from here.
func (ev *Event) entitled(from string, s *mdc.Session) bool {
	if len(ev.Proof) > 0 {
		return proves(ev.Proof, s)
	}
	return containsCluster(s.Members, from)
}

package passphrase

import (
	"context"
	"crypto/hmac"
	"errors"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Times of mode open.
const (
	messageTime = 30 * time.Second // that a message's time may be away from ours
	nonceTime   = 2 * messageTime  // that a nonce is kept
	maxNonces   = 1 << 18          // kept; above that nothing is taken until some have ended
)

// CodeUnproved is the code of a request, or an answer, that does not prove the passphrase.
const CodeUnproved = "unproved_message"

// Gate signs what is asked in mode open, and admits what proves itself. Safe for concurrent use.
type Gate struct {
	clusterID string
	keys      *Keys
	directory Directory
	clock     clock.Clock
	since     time.Time // when this process began: a message from before it may be one that the last process took
	leads     *leads

	mu     sync.Mutex // guards all below
	nonces map[string]time.Time
	swept  time.Time
	moved  map[string][16]byte // partners that have proved the present passphrase, by its generation
}

// NewGate refuses bad wiring.
func NewGate(ctx context.Context, clusterID string, st store.Store, k *Keys, d Directory, c clock.Clock) (*Gate, error) {
	if st == nil || k == nil || d == nil || c == nil || !mdc.ValidClusterID(clusterID) {
		return nil, errors.New("new gate of mode open: a part is missing")
	}
	now := c.Now()
	l, err := openLeads(ctx, st, now)
	if err != nil {
		return nil, err
	}
	return &Gate{clusterID: clusterID, keys: k, directory: d, clock: c, since: now, leads: l, nonces: map[string]time.Time{}, moved: map[string][16]byte{}}, nil
}

// Sign proves a request to a partner with the passphrase that is declared for it; former asks for the one before, which gives
// ok = false when it proves nothing any more.
func (g *Gate) Sign(ctx context.Context, p *mdc.Partner, m Message, former bool) (s Signed, ok bool, err error) {
	wrapped := p.Passphrase.Wrapped
	if former {
		wrapped = p.Passphrase.FormerAt(g.clock.Now())
	}
	if len(wrapped) == 0 && former {
		return s, false, nil
	}
	if len(wrapped) == 0 {
		return s, false, fault.New(fault.Forbidden, CodeNoPassphrase, "%s is in mode open and no passphrase is declared for the partner %s; declare it.", g.clusterID, p.ClusterID)
	}
	key, err := g.keys.key(ctx, useOpen, owner{mdc.PartnerKind(), p.ClusterID}, wrapped, p.ClusterID)
	if err != nil {
		return s, false, err
	}
	m.Sender, m.Receiver = g.clusterID, p.ClusterID
	return sign(key, m, g.clock.Now()), true, nil
}

// Admit judges a request by its proof and says who sent it. m has what was received but for what the proof itself says. The body
// has to have the hash that it gives. Faults: Forbidden unproved_message, not_a_partner, mode_mismatch; Unavailable.
func (g *Gate) Admit(ctx context.Context, token string, m Message) (clusterID string, s Signed, body []byte, err error) {
	claimed, sum, err := parseToken(token)
	if err != nil {
		return "", s, nil, unproved("cannot be read")
	}
	if !mdc.SameName(claimed.Receiver, g.clusterID) {
		return "", s, nil, unproved("is for another data center")
	}
	partner, err := g.directory.Partner(ctx, claimed.Sender)
	if err != nil {
		return "", s, nil, err
	}
	if partner == nil {
		return "", s, nil, fault.New(fault.Forbidden, "not_a_partner", "The caller is not a registered partner of %s.", g.clusterID)
	}
	if !partner.InMode(mdc.ModeOpen) {
		return "", s, nil, fault.New(fault.Forbidden, CodeModeMismatch, "%s is in mode open, the partner %s is registered there with %s.", g.clusterID, partner.ClusterID, partner.SecurityMode)
	}
	m.Sender, m.Receiver, m.Body, m.at, m.nonce = claimed.Sender, claimed.Receiver, claimed.Body, claimed.at, claimed.nonce
	key, err := g.proved(ctx, partner, m, sum)
	if err != nil {
		return "", s, nil, err
	}
	if err := g.fresh(ctx, m); err != nil {
		return "", s, nil, err
	}
	return partner.ClusterID, Signed{token, key, sum}, m.Body, nil
}

// proved finds the key that the proof was made with. The former passphrase counts for a while after a change, but no more from
// a partner that has proved the new one.
func (g *Gate) proved(ctx context.Context, partner *mdc.Partner, m Message, sum []byte) ([]byte, error) {
	profile, err := g.directory.Profile(ctx)
	if err != nil {
		return nil, err
	}
	id, gen := mdc.FoldName(partner.ClusterID), [16]byte(generation(&mdc.Partner{}, profile))
	g.mu.Lock()
	moved := g.moved[id] == gen
	g.mu.Unlock()
	for i, wrapped := range [][]byte{profile.Passphrase.Wrapped, profile.Passphrase.FormerAt(g.clock.Now())} {
		if len(wrapped) == 0 || i > 0 && moved {
			continue
		}
		key, err := g.keys.key(ctx, useOpen, owner{mdc.PartnerProfileKind(), profile.ObjectName()}, wrapped, partner.ClusterID)
		if err != nil {
			return nil, err
		}
		if !hmac.Equal(m.mac(key), sum) {
			continue
		}
		if i == 0 && !moved {
			g.mu.Lock()
			g.moved[id] = gen
			g.mu.Unlock()
		}
		return key, nil
	}
	return nil, unproved("is not one of the passphrase that is expected, or the message was changed")
}

// fresh takes each message once, and only while its time is near.
func (g *Gate) fresh(ctx context.Context, m Message) error {
	now := g.clock.Now()
	if m.at.Before(now.Add(-messageTime)) || m.at.After(now.Add(messageTime)) {
		return unproved("is of another time: the clocks of the two data centers have to agree within 30 s")
	}
	if m.at.Before(g.since.Add(g.leads.before[mdc.FoldName(m.Sender)]).Truncate(time.Millisecond)) {
		return unproved("may be older than this server's start; ask again")
	}
	if err := g.leads.took(ctx, m.Sender, m.at.Sub(now), now); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.nonces) >= maxNonces || now.Sub(g.swept) > messageTime {
		g.swept = now
		for n, until := range g.nonces {
			if !now.Before(until) {
				delete(g.nonces, n)
			}
		}
	}
	key := mdc.FoldName(m.Sender) + " " + string(m.nonce)
	if until, taken := g.nonces[key]; taken && now.Before(until) {
		return unproved("was taken already")
	}
	if len(g.nonces) >= maxNonces {
		return &fault.Error{Kind: fault.Unavailable, Code: "too_many_requests", Message: "Too many messages; try again in a second.", RetryAfter: time.Second}
	}
	g.nonces[key] = now.Add(nonceTime)
	return nil
}

func unproved(why string) error {
	return fault.New(fault.Forbidden, CodeUnproved, "The proof of the request %s. In mode open every message proves the passphrase that both data centers declare.", why)
}

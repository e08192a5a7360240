package passphrase

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	recordPrefix  = "p/r/" // what a pairing pinned, by partner
	failurePrefix = "p/f/" // when proofs failed, by partner
)

// Directory is what administrators declared.
type Directory interface {
	Partners(ctx context.Context) ([]mdc.Partner, error)
	Partner(ctx context.Context, clusterID string) (*mdc.Partner, error) // nil = none such
	Profile(ctx context.Context) (*mdc.PartnerProfile, error)
}

// PairingsConfig wires Pairings.
type PairingsConfig struct {
	ClusterID string
	Store     store.Store
	Keys      *Keys
	Directory Directory
	Mode      func() string                                                  // the security mode in force
	Bundle    func() (string, error)                                         // this data center's own roots
	Dial      func(ctx context.Context, p mdc.Partner) (Conversation, error) // towards a partner that nobody trusts yet
	Pinned    func()                                                         // roots were pinned; it may take long
	Audit     func(tx store.Writer, action, target string) error             // in the transaction of a pairing
	Clock     clock.Clock
	Logger    *slog.Logger // nil = none
}

// Pairings exchanges roots with the partners of mode simple. Safe for concurrent use.
type Pairings struct {
	c    PairingsConfig
	kick chan struct{} // capacity 1: something was declared

	answering sync.Mutex // one answer at a time: attempts are counted before the next is judged

	mu      sync.Mutex // guards all below
	tries   map[string]*try
	changed chan struct{} // closed and replaced when a try ended or a pairing was made
}

// NewPairings refuses bad wiring.
func NewPairings(c PairingsConfig) (*Pairings, error) {
	if c.Store == nil || c.Keys == nil || c.Directory == nil || c.Mode == nil || c.Bundle == nil || c.Dial == nil || c.Pinned == nil || c.Audit == nil || c.Clock == nil || !mdc.ValidClusterID(c.ClusterID) {
		return nil, errors.New("new pairings: a part is missing")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Pairings{c: c, kick: make(chan struct{}, 1), tries: map[string]*try{}, changed: make(chan struct{})}, nil
}

// record is what a pairing left.
type record struct {
	RootsPEM   string    `json:"roots_pem"`
	Bundle     []byte    `json:"bundle"` // SHA-256 of the bundle that was exchanged
	At         time.Time `json:"at"`
	Generation []byte    `json:"generation"` // of the passphrases that it was made under
}

// generation names the passphrases that are declared now: another one, or the same anew, opens the pairing again.
func generation(p *mdc.Partner, profile *mdc.PartnerProfile) []byte {
	sum := sha256.Sum256(parts(p.Passphrase.Wrapped, profile.Passphrase.Wrapped))
	return sum[:16]
}

func readRecord(r store.Reader, clusterID string) (*record, error) {
	b, err := r.Get([]byte(recordPrefix + mdc.FoldName(clusterID)))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read pairing with %s: %w", clusterID, err)
	}
	var out record
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("decode pairing with %s: %w", clusterID, err)
	}
	return &out, nil
}

func (p *Pairings) record(ctx context.Context, clusterID string) (out *record, err error) {
	err = p.c.Store.View(ctx, func(r store.Reader) error {
		out, err = readRecord(r, clusterID)
		return err
	})
	return out, err
}

// Trusted gives the pinned roots as certificates that are trusted for their partner alone; none but in mode simple.
func (p *Pairings) Trusted(ctx context.Context) (out []mdc.TrustedCertificate, err error) {
	if p.c.Mode() != mdc.ModeSimple {
		return nil, nil
	}
	partners, err := p.c.Directory.Partners(ctx)
	if err != nil {
		return nil, err
	}
	for _, partner := range partners {
		r, err := p.record(ctx, partner.ClusterID)
		if err != nil {
			return nil, err
		}
		if r != nil {
			out = append(out, *pinnedAs(partner.ClusterID, r.RootsPEM))
		}
	}
	return out, nil
}

// tell wakes who waits for a pairing.
func (p *Pairings) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
}

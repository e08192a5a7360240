package federation

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// BookConfig wires a Book. All is needed but the logger.
type BookConfig struct {
	ClusterID string
	Store     store.Store  // keys under "f/"
	Source    trust.Source // what administrators declared
	Own       func() []*x509.Certificate
	Clock     clock.Clock
	Logger    *slog.Logger
}

// Book keeps what partners told. Safe for concurrent use.
type Book struct {
	c      BookConfig
	taking sync.Mutex // one change of the records at a time

	mu      sync.Mutex         // guards pending
	pending map[string]*record // what Follow decided and Tidy has still to write, in the place of what is kept; nil = none
}

// NewBook refuses bad wiring.
func NewBook(c BookConfig) (*Book, error) {
	if c.Store == nil || c.Source == nil || c.Own == nil || c.Clock == nil || c.ClusterID == "" {
		return nil, errors.New("new book of learned trust: a part is missing")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Book{c: c, pending: map[string]*record{}}, nil
}

// Learned gives what counts beside the declared certificates, by cluster id in lower case. See trust.Config.
func (b *Book) Learned(ctx context.Context) (map[string]trust.Learned, error) {
	out := map[string]trust.Learned{}
	err := b.c.Store.View(ctx, func(r store.Reader) error {
		clear(out)
		ids, err := known(r)
		if err != nil {
			return err
		}
		for _, id := range ids {
			rec, err := b.read(r, id)
			switch {
			case errors.Is(err, errDamaged):
				out[id] = trust.Learned{Damaged: true}
			case err != nil:
				return err
			case rec != nil:
				out[id] = rec.learned()
			}
			if out[id].Damaged {
				b.c.Logger.Error("what was learned of a partner cannot be read; it is not believed until it is registered anew", "partner", id)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what partners told: %w", err)
	}
	return out, nil
}

// read gives what counts of a record: what was decided of it, or what is kept.
func (b *Book) read(r store.Reader, id string) (*record, error) {
	b.mu.Lock()
	rec, decided := b.pending[id]
	b.mu.Unlock()
	if decided {
		return rec, nil
	}
	return readRecord(r, id)
}

// Follow makes what was learned follow what is declared: of a partner that is no longer registered, or registered with
// another root, only the revocation lists stay, while their issuers last. It counts when Follow returns and is written by Tidy,
// so it may be called where nothing may be written. Call it before every trust.Store.Reload.
func (b *Book) Follow(ctx context.Context) error {
	partners, certificates, err := b.declared(ctx)
	if err != nil {
		return err
	}
	registered := map[string][]*x509.Certificate{}
	for _, p := range partners {
		registered[mdc.FoldName(p.ClusterID)] = trust.Declared(p.ClusterID, certificates)
	}
	changes, err := b.outdated(ctx, registered)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.Copy(b.pending, changes)
	return nil
}

// Tidy writes what Follow decided.
func (b *Book) Tidy(ctx context.Context) error {
	b.taking.Lock()
	defer b.taking.Unlock()
	b.mu.Lock()
	decided := maps.Clone(b.pending)
	b.mu.Unlock()
	if len(decided) == 0 {
		return nil
	}
	err := b.c.Store.Update(ctx, func(w store.Writer) error {
		for id, rec := range decided {
			if err := writeRecord(w, id, rec); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget what partners told: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, rec := range decided {
		if b.pending[id] == rec {
			delete(b.pending, id)
		}
	}
	return nil
}

// outdated gives the records that have to change, nil for those that have to go.
func (b *Book) outdated(ctx context.Context, registered map[string][]*x509.Certificate) (map[string]*record, error) {
	out := map[string]*record{}
	err := b.c.Store.View(ctx, func(r store.Reader) error {
		clear(out)
		ids, err := known(r)
		if err != nil {
			return err
		}
		for _, id := range ids {
			declared, here := registered[id]
			rec, err := b.read(r, id)
			if err != nil && !errors.Is(err, errDamaged) {
				return err
			}
			if err == nil && rec == nil {
				continue // decided before
			}
			if next, change := b.follow(rec, declared, here); change {
				out[id] = next
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what partners told: %w", err)
	}
	return out, nil
}

// follow gives what a record has to be beside what is declared. rec is nil for one that is damaged: it goes with its partner.
func (b *Book) follow(rec *record, declared []*x509.Certificate, registered bool) (next *record, change bool) {
	if rec == nil {
		return nil, !registered
	}
	kept := *rec
	kept.Lists = slices.DeleteFunc(slices.Clone(rec.Lists), func(l List) bool {
		issuer, err := x509.ParseCertificate(l.Issuer)
		return err == nil && b.c.Clock.Now().After(issuer.NotAfter)
	})
	l := rec.learned()
	switch {
	case l.Damaged && registered:
		return nil, false
	case !registered || !l.Continues(declared):
		next = &record{Lists: kept.Lists}
		return next, rec.Sequence != 0 || len(kept.Lists) != len(rec.Lists)
	}
	kept.Pins = fingerprints(declared)
	return &kept, !slices.Equal(kept.Pins, rec.Pins) || len(kept.Lists) != len(rec.Lists)
}

func (b *Book) declared(ctx context.Context) ([]mdc.Partner, []mdc.TrustedCertificate, error) {
	partners, err := b.c.Source.Partners(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read partners: %w", err)
	}
	certificates, err := b.c.Source.TrustedCertificates(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read trusted certificates: %w", err)
	}
	return partners, certificates, nil
}

// Standing is what is kept of one partner.
type Standing struct {
	ClusterID string // as registered; "" when the partner is not
	Declared  []*x509.Certificate
	Sequence  uint64 // 0 = nothing was learned
	Number    uint64
	Roots     []*x509.Certificate
	Retired   []*x509.Certificate
	Revoked   int
	Damaged   bool
}

// Standing gives what is declared and kept of a partner.
func (b *Book) Standing(ctx context.Context, clusterID string) (out Standing, err error) {
	partners, certificates, err := b.declared(ctx)
	if err != nil {
		return out, err
	}
	for _, p := range partners {
		if mdc.SameName(p.ClusterID, clusterID) {
			out.ClusterID, out.Declared = p.ClusterID, trust.Declared(p.ClusterID, certificates)
		}
	}
	rec, err := b.recordOf(ctx, clusterID)
	if out.Damaged = errors.Is(err, errDamaged); out.Damaged || rec == nil && err == nil {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	l := rec.learned()
	out.Sequence, out.Number, out.Roots, out.Retired, out.Revoked, out.Damaged = rec.Sequence, rec.Number, l.Roots, l.Retired, len(l.Revoked), l.Damaged
	return out, nil
}

func (b *Book) recordOf(ctx context.Context, clusterID string) (rec *record, err error) {
	err = b.c.Store.View(ctx, func(r store.Reader) (err error) {
		rec, err = b.read(r, mdc.FoldName(clusterID))
		return err
	})
	return rec, err
}

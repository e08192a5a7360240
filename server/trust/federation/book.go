package federation

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
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
	c  BookConfig
	mu sync.Mutex // one change of the records at a time
}

// NewBook refuses bad wiring.
func NewBook(c BookConfig) (*Book, error) {
	if c.Store == nil || c.Source == nil || c.Own == nil || c.Clock == nil || c.ClusterID == "" {
		return nil, errors.New("new book of learned trust: a part is missing")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Book{c: c}, nil
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
			rec, err := readRecord(r, id)
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

// Reconcile makes the records follow what is declared: of a partner that is no longer registered, or registered with another
// root, only the revocation lists stay, while their issuers last. Call it before every trust.Store.Reload.
func (b *Book) Reconcile(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	partners, certificates, err := b.declared(ctx)
	if err != nil {
		return err
	}
	registered := map[string][]*x509.Certificate{}
	for _, p := range partners {
		registered[mdc.FoldName(p.ClusterID)] = trust.Declared(p.ClusterID, certificates)
	}
	changes, err := b.outdated(ctx, registered)
	if err != nil || len(changes) == 0 {
		return err
	}
	err = b.c.Store.Update(ctx, func(w store.Writer) error {
		for id, rec := range changes {
			if err := writeRecord(w, id, rec); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget what partners told: %w", err)
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
			rec, err := readRecord(r, id)
			if err != nil && !errors.Is(err, errDamaged) {
				return err
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
	Sequence uint64 // 0 = nothing was learned
	Number   uint64
	Roots    []*x509.Certificate
	Retired  []*x509.Certificate
	Revoked  int
	Damaged  bool
}

// Standing gives what is kept of a partner.
func (b *Book) Standing(ctx context.Context, clusterID string) (out Standing, err error) {
	var rec *record
	err = b.c.Store.View(ctx, func(r store.Reader) (err error) {
		rec, err = readRecord(r, mdc.FoldName(clusterID))
		return err
	})
	if errors.Is(err, errDamaged) {
		return Standing{Damaged: true}, nil
	}
	if err != nil || rec == nil {
		return Standing{}, err
	}
	l := rec.learned()
	out = Standing{Sequence: rec.Sequence, Number: rec.Number, Roots: l.Roots, Retired: l.Retired, Revoked: len(l.Revoked), Damaged: l.Damaged}
	return out, nil
}

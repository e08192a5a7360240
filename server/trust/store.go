package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// reloadLimit bounds one reading of partners and certificates.
const reloadLimit = 10 * time.Second

// Source gives what administrators declared.
type Source interface {
	Partners(ctx context.Context) ([]mdc.Partner, error)
	TrustedCertificates(ctx context.Context) ([]mdc.TrustedCertificate, error)
}

// Config wires a Store.
type Config struct {
	ClusterID   string                     // our own; never a partner
	Source      Source                     // read by New and Reload only
	Certificate func() *tls.Certificate    // our own peer leaf with its chain, asked for each handshake
	Roots       func() []*x509.Certificate // our own roots, for the certificates that clients of ours show; nil = none
	Neighbours  bool                       // other nodes of our own data center may call too, and are no partners
	Clock       clock.Clock                // decides validity; nil = the machine's clock
	Logger      *slog.Logger               // nil = silent

	// Learned, when set, gives what partners told of their own trust, by cluster id in lower case. Read by New and Reload.
	// What it gives counts only while the partner is registered and a certificate is declared for it.
	Learned func(ctx context.Context) (map[string]Learned, error)

	// Refused, when set, is told of each client refused in a handshake, for the audit. leaf is what it showed,
	// unverified. It runs in the handshake and must not block.
	Refused func(leaf *x509.Certificate, err error)

	// Revoked, when set, says whether the data center that issued leaf has taken it back. It is asked for each request of a client
	// with a certificate, after that was verified, and must not block.
	Revoked func(clusterID string, leaf *x509.Certificate) bool
}

// Store holds the trust in force. All methods are safe for concurrent use.
type Store struct {
	config  Config
	reading sync.Mutex // one Reload at a time: a slow old reading must not replace a newer one
	current atomic.Pointer[snapshot]

	mu      sync.Mutex // guards changed
	changed []func()
}

// New reads the source and gives a store that is ready, or the error that kept it from reading.
func New(ctx context.Context, c Config) (*Store, error) {
	if c.Source == nil || c.Certificate == nil || !mdc.ValidClusterID(c.ClusterID) {
		return nil, errors.New("configure trust: ClusterID, Source and Certificate are required")
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{config: c}
	if err := s.Reload(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// OnChange has f called after every Reload, also one that failed, when the new trust is in force: for what has to end with the
// former one. f runs before Reload returns and must not block.
func (s *Store) OnChange(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = append(s.changed, f)
}

func (s *Store) tell() {
	s.mu.Lock()
	all := slices.Clone(s.changed)
	s.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// Reload puts a new snapshot in force: when it returns, every later check uses what the source holds now. It goes on when
// ctx is cancelled, since the change it follows is already made. If the source cannot be read nobody is trusted until
// a later Reload succeeds (SEC-42, SEC-43: fail closed).
func (s *Store) Reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloadLimit)
	defer cancel()
	s.reading.Lock()
	defer s.reading.Unlock()
	defer s.tell()
	next, err := s.read(ctx)
	if err != nil {
		s.current.Store(&snapshot{})
		return fmt.Errorf("reload trust: %w", err)
	}
	s.current.Store(next)
	return nil
}

func (s *Store) read(ctx context.Context) (*snapshot, error) {
	partners, err := s.config.Source.Partners(ctx)
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	certificates, err := s.config.Source.TrustedCertificates(ctx)
	if err != nil {
		return nil, fmt.Errorf("read trusted certificates: %w", err)
	}
	var learned map[string]Learned
	if s.config.Learned != nil {
		if learned, err = s.config.Learned(ctx); err != nil {
			return nil, fmt.Errorf("read what partners told: %w", err)
		}
	}
	return s.build(partners, certificates, learned), nil
}

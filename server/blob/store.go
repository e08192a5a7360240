package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// The folders of a store.
const (
	whole    = "whole"
	incoming = "incoming"
	partial  = "partial"
)

// maxUploads is how many uploads run at once; each may take a disk's bandwidth and a check's processor.
const maxUploads = 4

// Config wires a Store.
type Config struct {
	Dir     string // made when it is missing; the store's alone
	Clock   clock.Clock
	Logger  *slog.Logger                    // nil = none
	MinFree int64                           // bytes that stay free on the disk, for the stores beside; 0 = 1 GiB
	Free    func(dir string) (int64, error) // nil = what the file system says
}

// Info describes a whole blob.
type Info struct {
	SHA256 string
	Size   int64  // bytes
	Format string // mdc.Format…, as its bytes say
}

// Store is the blobs of one node. Safe for concurrent use.
type Store struct {
	c     Config
	root  *os.Root
	slots chan struct{} // one for each upload under way

	verified sync.Map // digest to the time.Time at which its bytes were last seen to be right
	settling sync.Map // digests whose whole file is named and not on stable storage yet

	mu sync.Mutex // held by who claims, publishes or collects: a blob that is claimed is not collected
}

// Open makes the folders and sweeps what uploads left that were cut off by the last stop.
func Open(c Config) (*Store, error) {
	if c.Dir == "" || c.Clock == nil {
		return nil, errors.New("open blob store: directory and clock are needed")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MinFree == 0 {
		c.MinFree = 1 << 30
	}
	if c.Free == nil {
		c.Free = freeBytes
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	root, err := os.OpenRoot(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	s := &Store{c: c, root: root, slots: make(chan struct{}, maxUploads)}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("open blob store: %w", errors.Join(err, root.Close()))
	}
	return s, nil
}

func (s *Store) prepare() error {
	if err := s.root.RemoveAll(incoming); err != nil {
		return err
	}
	for _, dir := range []string{whole, incoming, partial} {
		if err := s.root.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	for _, dir := range []string{".", whole, incoming, partial} {
		if err := s.root.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory needs x (SEC-71)
			return err
		}
	}
	return s.syncDir(".")
}

// Close releases the directory. Open files stay readable.
func (s *Store) Close() error { return s.root.Close() }

// Stat describes a blob that is here; found is false when it is not.
func (s *Store) Stat(sha256 string) (info Info, found bool, err error) {
	if _, settling := s.settling.Load(sha256); settling || !mdc.ValidDigest(sha256) {
		return Info{}, false, nil
	}
	for _, format := range formats() {
		st, err := s.root.Stat(wholeName(sha256, format))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Info{}, false, fmt.Errorf("look for blob %s: %w", sha256, err)
		}
		return Info{SHA256: sha256, Size: st.Size(), Format: format}, true, nil
	}
	return Info{}, false, nil
}

// Open opens a blob for reading that has the size, in bytes, that its package states. fault.Unavailable blob_missing when it
// is not here (yet), or only a damaged one was.
func (s *Store) Open(sha256 string, size int64) (*os.File, Info, error) {
	if _, err := s.Has(sha256, size); err != nil {
		return nil, Info{}, err
	}
	info, found, err := s.Stat(sha256)
	if err != nil {
		return nil, Info{}, err
	}
	if found {
		f, err := s.root.Open(wholeName(sha256, info.Format))
		if err == nil {
			return f, info, nil
		}
		if !errors.Is(err, fs.ErrNotExist) { // collected between the two
			return nil, Info{}, fmt.Errorf("open blob %s: %w", sha256, err)
		}
	}
	return nil, Info{}, &fault.Error{Kind: fault.Unavailable, Code: "blob_missing", RetryAfter: 10 * time.Second,
		Message: "The content is not in this data center yet; it is being fetched from another one."}
}

// Claim is Stat for who is about to refer to the blob: it will not be collected within Grace from now.
func (s *Store) Claim(sha256 string) (info Info, found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if info, found, err = s.Stat(sha256); err != nil || !found {
		return info, found, err
	}
	return info, true, s.touch(wholeName(sha256, info.Format))
}

func (s *Store) touch(name string) error {
	now := s.c.Clock.Now()
	if err := s.root.Chtimes(name, now, now); err != nil {
		return fmt.Errorf("claim blob: %w", err)
	}
	return nil
}

func formats() []string {
	return []string{mdc.FormatRaw, mdc.FormatZip, mdc.FormatTar, mdc.FormatTarGz}
}

func wholeName(sha256, format string) string { return path.Join(whole, sha256+"."+format) }

func (s *Store) syncDir(name string) error {
	d, err := s.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

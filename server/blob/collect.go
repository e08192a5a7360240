package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

// Grace is how long a blob stays that no package refers to: long enough for whoever uploaded it to write the package, and
// for a change that is taken back.
const Grace = 24 * time.Hour

const collectEvery = time.Hour

// Wanted gives the blobs that packages refer to, with their sizes in bytes.
type Wanted func(ctx context.Context) (map[string]int64, error)

// RunCollection collects, and verifies what stays, now and then until ctx ends. It gives nil.
func (s *Store) RunCollection(ctx context.Context, wanted Wanted) error {
	again := time.NewTicker(collectEvery)
	defer again.Stop()
	for {
		if _, err := s.Collect(ctx, wanted); err != nil && ctx.Err() == nil {
			s.c.Logger.Error("blobs cannot be collected", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
		if _, err := s.Verify(ctx); err != nil && ctx.Err() == nil {
			s.c.Logger.Error("blobs cannot be verified", "error", err)
		}
	}
}

// Collect removes every blob that no package has referred to, and that nobody has claimed, for Grace, and every part of one
// that is not wanted any more. The files are listed before the packages are read, so a file that comes in between stays.
func (s *Store) Collect(ctx context.Context, wanted Wanted) (removed int, err error) {
	blobs, err := s.list(whole)
	if err != nil {
		return 0, err
	}
	parts, err := s.list(partial)
	if err != nil {
		return 0, err
	}
	want, err := wanted(ctx)
	if err != nil {
		return 0, fmt.Errorf("collect blobs: %w", err)
	}
	for _, name := range blobs {
		gone, err := s.judge(name, want)
		if err != nil {
			return removed, err
		}
		if gone {
			removed++
		}
	}
	for _, name := range parts {
		if _, ok := want[name]; ok {
			continue
		}
		if err := s.root.Remove(path.Join(partial, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, fmt.Errorf("collect blobs: %w", err)
		}
	}
	if removed > 0 {
		s.c.Logger.Info("blobs that no package refers to were removed", "count", removed)
	}
	return removed, nil
}

// judge removes one blob, or notes that it is referred to. Who claims it comes before, and it stays, or after, and misses it.
func (s *Store) judge(name string, want map[string]int64) (gone bool, err error) {
	digest, _, _ := strings.Cut(name, ".")
	s.mu.Lock()
	defer s.mu.Unlock()
	at := path.Join(whole, name)
	if _, ok := want[digest]; ok {
		return false, s.touch(at)
	}
	st, err := s.root.Stat(at)
	if err != nil {
		return false, fmt.Errorf("collect blobs: %w", err)
	}
	if s.c.Clock.Now().Sub(st.ModTime()) < Grace {
		return false, nil
	}
	if err := s.root.Remove(at); err != nil {
		return false, fmt.Errorf("collect blobs: %w", err)
	}
	s.verified.Delete(digest)
	return true, nil
}

func (s *Store) list(dir string) ([]string, error) {
	d, err := s.root.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("list blobs: %w", err)
	}
	names, err := d.Readdirnames(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		return nil, fmt.Errorf("list blobs: %w", err)
	}
	return names, nil
}

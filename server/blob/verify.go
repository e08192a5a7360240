package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// verifyEvery is how often each whole blob is read and compared with its digest.
const verifyEvery = 24 * time.Hour

// The pace of that: at most 32 MiB a second, so that what people fetch meanwhile comes first.
const (
	verifyStep  = 4 << 20
	verifyPause = 125 * time.Millisecond
)

// Verify reads every whole blob that was not compared with its digest within a day, and removes one that a disk or a hand has
// changed: a data center that others can give it to fetches it again, and until then it counts as missing. One that cannot be
// read is only told of in the log.
func (s *Store) Verify(ctx context.Context) (removed int, err error) {
	names, err := s.list(whole)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		digest, _, _ := strings.Cut(name, ".")
		if last, ok := s.verified.Load(digest); ok && s.c.Clock.Now().Sub(last.(time.Time)) < verifyEvery { //nolint:forcetypeassert // only times are kept
			continue
		}
		gone, err := s.compare(ctx, name, digest, true)
		if err := ctx.Err(); err != nil {
			return removed, fmt.Errorf("verify blobs: %w", err)
		}
		if err != nil {
			s.c.Logger.Error("blob cannot be verified", "sha256", digest, "error", err)
		}
		if gone {
			removed++
		}
	}
	return removed, nil
}

// compare removes one blob whose bytes are not what its name says.
func (s *Store) compare(ctx context.Context, name, digest string, slowly bool) (gone bool, err error) {
	f, err := s.root.Open(path.Join(whole, name))
	if errors.Is(err, fs.ErrNotExist) { // collected meanwhile
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("verify blob %s: %w", digest, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	got, err := digestOf(ctx, f, slowly)
	if err != nil {
		return false, fmt.Errorf("verify blob %s: %w", digest, err)
	}
	if got == digest {
		s.verified.Store(digest, s.c.Clock.Now())
		return false, nil
	}
	was, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("verify blob %s: %w", digest, err)
	}
	return s.drop(name, digest, func(now fs.FileInfo) bool { return os.SameFile(was, now) }, "its SHA-256 is "+got)
}

func digestOf(ctx context.Context, r io.Reader, slowly bool) (string, error) {
	sum, pause := sha256.New(), time.NewTimer(0)
	defer pause.Stop()
	for {
		switch _, err := io.CopyN(sum, r, verifyStep); {
		case errors.Is(err, io.EOF):
			return hex.EncodeToString(sum.Sum(nil)), nil
		case err != nil:
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-pause.C:
		}
		if slowly {
			pause.Reset(verifyPause)
		} else {
			pause.Reset(0)
		}
	}
}

// drop removes a whole blob that is damaged, if it still is the one that was judged. It is as missing then as one that never
// came.
func (s *Store) drop(name, digest string, same func(fs.FileInfo) bool, why string) (gone bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := path.Join(whole, name)
	st, err := s.root.Stat(at)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !same(st) {
		return false, nil
	}
	if err == nil {
		err = s.root.Remove(at)
	}
	if err != nil {
		return false, fmt.Errorf("drop blob %s: %w", digest, err)
	}
	s.verified.Delete(digest)
	s.c.Logger.Error("blob is damaged and was removed; it is fetched again if another data center has it", "sha256", digest, "bytes", st.Size(), "reason", why)
	return true, nil
}

// Has says whether a blob is here in the size that its package states, -1 for any. One of another size was cut off or
// lengthened on the disk; it is removed.
func (s *Store) Has(sha256 string, size int64) (bool, error) {
	info, found, err := s.Stat(sha256)
	if err != nil || !found || size < 0 || info.Size == size {
		return found, err
	}
	_, err = s.drop(sha256+"."+info.Format, sha256, func(now fs.FileInfo) bool { return now.Size() != size }, fmt.Sprintf("its package has %d bytes", size))
	return false, err
}

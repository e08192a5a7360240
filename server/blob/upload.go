package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"syscall"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/blob/archive"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Put takes a blob from r, unless it is here already: then r is not read and made is false. It is seen by nobody before its
// digest was compared, an archive in it was checked and all of it is on stable storage; what is refused leaves nothing.
// size is what the caller announced, -1 when nothing was. fault.Invalid wrong_digest or unsafe_archive; fault.TooLarge;
// fault.Unavailable when the disk is nearly full or too many uploads run. Errors of r come back as they are.
func (s *Store) Put(ctx context.Context, digest string, size int64, r io.Reader) (info Info, made bool, err error) {
	if !mdc.ValidDigest(digest) {
		return Info{}, false, fault.InvalidFields("The blob cannot be accepted.", []fault.Field{{Pointer: "/sha256", Detail: "must be a SHA-256 as 64 hex digits, in lower case"}})
	}
	if size > mdc.MaxPackage {
		return Info{}, false, errTooLarge()
	}
	info, found, err := s.Claim(digest)
	if found && err == nil && size >= 0 && info.Size != size { // one of the two is wrong
		var gone bool
		gone, err = s.compare(ctx, digest+"."+info.Format, digest, false)
		found = !gone
	}
	if err != nil || found {
		return info, false, err
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return Info{}, false, &fault.Error{Kind: fault.Unavailable, Code: "uploads_busy", Message: fmt.Sprintf("%d uploads are under way here already. Try again in a moment.", maxUploads), RetryAfter: 5 * time.Second}
	}
	if err := s.room(max(size, 0)); err != nil {
		return Info{}, false, err
	}
	info, err = s.take(ctx, digest, r)
	return info, err == nil, err
}

func (s *Store) take(ctx context.Context, digest string, r io.Reader) (info Info, err error) {
	name := path.Join(incoming, rand.Text())
	f, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Info{}, fmt.Errorf("take blob: %w", err)
	}
	defer func() {
		_ = f.Close() // accept has synced it
		if err != nil {
			_ = s.root.Remove(name) // it is swept at the next start
		}
	}()
	sum := sha256.New()
	n, err := s.copy(ctx, io.MultiWriter(sum, f), io.LimitReader(r, mdc.MaxPackage+1), nil)
	switch got := hex.EncodeToString(sum.Sum(nil)); {
	case err != nil:
		return Info{}, err
	case n > mdc.MaxPackage:
		return Info{}, errTooLarge()
	case n == 0:
		return Info{}, fault.New(fault.Invalid, "empty_blob", "There is nothing in it: a package has at least one byte.")
	case got != digest:
		return Info{}, fault.New(fault.Invalid, "wrong_digest", "The content that arrived has the SHA-256 %s, not %s. Nothing of it was kept; send it again.", got, digest)
	}
	return s.accept(ctx, f, name, digest, n)
}

func errTooLarge() error {
	return fault.New(fault.TooLarge, "body_too_large", "A package's content may have at most %d bytes.", mdc.MaxPackage)
}

// accept checks a file whose digest is right and makes it a whole blob.
func (s *Store) accept(ctx context.Context, f *os.File, name, digest string, size int64) (Info, error) {
	format, err := archive.Check(ctx, f, size)
	if err != nil {
		return Info{}, err
	}
	if err := f.Sync(); err != nil {
		return Info{}, fullOr(err)
	}
	// Others find it only when its name is on stable storage too; the lock is not held for that, since who claims a blob holds
	// up every change of the configuration.
	s.settling.Store(digest, true)
	defer s.settling.Delete(digest)
	if err := s.settle(name, wholeName(digest, format)); err != nil {
		return Info{}, fmt.Errorf("keep blob %s: %w", digest, err)
	}
	s.verified.Store(digest, s.c.Clock.Now())
	if err := s.syncDir(whole); err != nil {
		_ = s.root.Remove(wholeName(digest, format)) // whoever comes next must not take it for kept
		return Info{}, fmt.Errorf("keep blob %s: %w", digest, err)
	}
	return Info{SHA256: digest, Size: size, Format: format}, nil
}

func (s *Store) settle(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.touch(from); err != nil {
		return err
	}
	return s.root.Rename(from, to)
}

// Steps of a copy.
const (
	chunk     = 256 << 10
	lookAgain = 16 << 20 // bytes after which the free space is looked at again
)

// copy carries r to w while there is space; step is told after each chunk, nil = nobody is.
func (s *Store) copy(ctx context.Context, w io.Writer, r io.Reader, step func(n int)) (written int64, err error) {
	b, since := make([]byte, chunk), 0
	for {
		if err := ctx.Err(); err != nil {
			return written, err
		}
		n, err := r.Read(b)
		if n > 0 {
			if _, err := w.Write(b[:n]); err != nil {
				return written, fullOr(err)
			}
			written += int64(n)
			if step != nil {
				step(n)
			}
		}
		if errors.Is(err, io.EOF) {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		if since += n; since >= lookAgain {
			since = 0
			if err := s.room(0); err != nil {
				return written, err
			}
		}
	}
}

// room refuses when need more bytes would leave less than MinFree.
func (s *Store) room(need int64) error {
	free, err := s.c.Free(s.c.Dir)
	if err != nil {
		return fmt.Errorf("read free space: %w", err)
	}
	if free-need >= s.c.MinFree {
		return nil
	}
	return &fault.Error{Kind: fault.Unavailable, Code: "storage_full", RetryAfter: time.Minute,
		Message: fmt.Sprintf("The disk has %d MiB free; the content needs %d MiB and %d MiB stay free for everything else. Free some space or enlarge the disk.", free>>20, need>>20, s.c.MinFree>>20)}
}

// fullOr words the end of the disk.
func fullOr(err error) error {
	if !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("write blob: %w", err)
	}
	return &fault.Error{Kind: fault.Unavailable, Code: "storage_full", RetryAfter: time.Minute, Message: "The disk is full. Free some space or enlarge it.", Err: err}
}

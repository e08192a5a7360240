package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// part is a blob on its way in from another data center. It outlives the process; after a crash it may hold anything, which
// the digest finds out.
type part struct {
	s      *Store
	f      *os.File
	digest string
	size   int64
	have   int64
}

// resume opens the part of a blob that is here, empty at first. Only one fetch of a blob may run.
func (s *Store) resume(digest string, size int64) (*part, error) {
	if !mdc.ValidDigest(digest) || size <= 0 || size > mdc.MaxPackage {
		return nil, fmt.Errorf("fetch blob %q of %d bytes: no package can refer to that", clip(digest), size)
	}
	f, err := s.root.OpenFile(path.Join(partial, digest), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("fetch blob %s: %w", digest, err)
	}
	p := &part{s: s, f: f, digest: digest, size: size}
	if p.have, err = f.Seek(0, io.SeekEnd); err == nil && p.have > size {
		err = p.at(0)
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("fetch blob %s: %w", digest, err)
	}
	return p, nil
}

// at goes on where an answer begins: where this part ends, or at the first byte when the source cannot do better.
func (p *part) at(start int64) error {
	if start == p.have {
		return nil
	}
	if start != 0 {
		return fmt.Errorf("asked from byte %d on, answered from %d on", p.have, start)
	}
	p.have = 0
	if err := p.f.Truncate(0); err != nil {
		return err
	}
	_, err := p.f.Seek(0, io.SeekStart)
	return err
}

// finish verifies the whole and makes it a blob. What is wrong is dropped, so that the next fetch begins anew.
func (p *part) finish(ctx context.Context) error {
	sum := sha256.New()
	if _, err := p.s.copy(ctx, sum, io.NewSectionReader(p.f, 0, p.size), nil); err != nil {
		return err
	}
	name := path.Join(partial, p.digest)
	got := hex.EncodeToString(sum.Sum(nil))
	if got == p.digest {
		_, err := p.s.accept(ctx, p.f, name, p.digest, p.size)
		return err
	}
	if err := p.s.root.Remove(name); err != nil {
		return fmt.Errorf("drop a wrong blob: %w", err)
	}
	return fmt.Errorf("the bytes that arrived have the SHA-256 %s, not %s; they were dropped", got, p.digest)
}

func (p *part) close() { _ = p.f.Close() } // accept has synced what matters

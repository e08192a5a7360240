package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// block is the unit of a tar, in bytes.
const block = 512

// checkTarOnly is checkTar, and refuses a file that is a zip as well.
func checkTarOnly(b *budget, tar io.Reader, f io.ReaderAt, size int64) error {
	if err := checkTar(b, tar); err != nil {
		return err
	}
	z, found, err := findEnd(f, size)
	switch {
	case err != nil:
		return err
	case found && z.behind < block: // a zip that is the last file of a tar has the tar's own end behind it
		return refuse("", "can be read as a tar and as a zip")
	}
	return nil
}

// checkTar reads a tar to its end.
func checkTar(b *budget, r io.Reader) error {
	s := &stream{b: b, r: bufio.NewReaderSize(r, 64<<10)}
	t, c := tar.NewReader(s), newContents()
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged("", err)
		}
		s.name = h.Name
		if err := b.entry(h.Name); err != nil {
			return err
		}
		if err := addTar(c, h); err != nil {
			return err
		}
		if err := content(b, h.Name, t, uint64(h.Size), 1); err != nil {
			return err
		}
	}
	if err := s.finish(); err != nil {
		return err
	}
	return c.finish()
}

func addTar(c *contents, h *tar.Header) error {
	for key := range h.PAXRecords {
		if h.Typeflag == tar.TypeXGlobalHeader && key != "comment" {
			return refuse("", "has a global header with %q, which some programs follow and others do not", key[:min(len(key), 200)])
		}
		if strings.HasPrefix(key, "GNU.sparse.") {
			return refuse(h.Name, "is a sparse file")
		}
	}
	switch h.Typeflag {
	case tar.TypeReg:
		return c.add(h.Name, file, "")
	case tar.TypeDir:
		return c.add(h.Name, folder, "")
	case tar.TypeSymlink:
		return c.add(h.Name, link, h.Linkname)
	case tar.TypeXGlobalHeader: // a comment, as git writes it
		return nil
	case tar.TypeLink:
		return refuse(h.Name, "is a hard link")
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return refuse(h.Name, "is a device")
	}
	return refuse(h.Name, "is neither a file nor a folder")
}

// stream charges what is read to the budget and knows how many zero bytes came last.
type stream struct {
	b     *budget
	r     io.Reader
	name  string // of the entry being read
	zeros int64
}

// Read reads on.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	kept := len(bytes.TrimRight(p[:n], "\x00"))
	if kept > 0 {
		s.zeros = 0
	}
	s.zeros += int64(n - kept)
	if over := s.b.spend(s.name, uint64(n)); over != nil {
		return 0, over
	}
	return n, err
}

// finish wants the block of zeros that ends a tar, and only zeros behind it: some programs would read on there.
func (s *stream) finish() error {
	had := s.zeros
	rest, err := io.Copy(io.Discard, s)
	switch {
	case err != nil:
		return damaged("", err)
	case had < block:
		return refuse("", "is cut off: the blocks that end a tar are missing")
	case s.zeros != had+rest:
		return refuse("", "has something behind its end")
	}
	return nil
}

package archive

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
)

// checkZip reads a zip to its end. Both of its lists of names must agree: programs differ in which of them they follow.
func checkZip(b *budget, f io.ReaderAt, size int64, d directory) error {
	at := io.NewSectionReader(f, d.base, size-d.base)
	listed, err := d.read(at)
	if err != nil {
		return err
	}
	z, err := zip.NewReader(at, size-d.base)
	if err != nil && z == nil {
		return damaged("", err)
	}
	if len(z.File) != len(listed) {
		return refuse("", "has a directory that can be read in two ways")
	}
	c := newContents()
	for i, e := range z.File {
		if err := b.entry(e.Name); err != nil {
			return err
		}
		if err := listed[i].agrees(at, e); err != nil {
			return err
		}
		if err := addZip(b, c, e); err != nil {
			return err
		}
	}
	return c.finish()
}

func addZip(b *budget, c *contents, e *zip.File) error {
	if err := b.spend(e.Name, e.UncompressedSize64); err != nil {
		return err
	}
	switch mode := e.Mode(); {
	case mode.IsDir():
		if e.UncompressedSize64 > 0 {
			return refuse(e.Name, "is a folder with content")
		}
		return c.add(e.Name, folder, "")
	case mode&fs.ModeSymlink != 0:
		target, err := readAll(e, maxName+1)
		if err != nil {
			return damaged(e.Name, err)
		}
		return c.add(e.Name, link, string(target))
	case !mode.IsRegular():
		return refuse(e.Name, "is a device or something else that is no file")
	}
	if err := c.add(e.Name, file, ""); err != nil {
		return err
	}
	r, err := e.Open()
	if err != nil {
		return damaged(e.Name, err)
	}
	defer r.Close() //nolint:errcheck // it was only read
	return content(b, e.Name, r, e.UncompressedSize64, 1)
}

// content reads an entry to its end, which verifies its checksum where there is one, and looks into a zip within.
func content(b *budget, name string, r io.Reader, size uint64, depth int) error {
	head := make([]byte, min(size, uint64(len(localMark))))
	if _, err := io.ReadFull(r, head); err != nil {
		return damaged(name, err)
	}
	whole := io.MultiReader(bytes.NewReader(head), &patient{b, r})
	if string(head) != localMark || size > maxInner {
		if _, err := io.Copy(io.Discard, whole); err != nil {
			return damaged(name, err)
		}
		return nil
	}
	inner, err := io.ReadAll(whole)
	if err != nil {
		return damaged(name, err)
	}
	return within(b, name, inner, depth)
}

// within counts what an inner zip would unpack to. Its names are not judged: who unpacks the outer archive gets a file. One
// that cannot be read is a file like any other.
func within(b *budget, name string, inner []byte, depth int) error {
	if depth > maxDepth {
		return refuse(name, "is an archive within more than %d others", maxDepth)
	}
	b.held += int64(len(inner))
	defer func() { b.held -= int64(len(inner)) }()
	if b.held > maxHeld {
		return refuse(name, "has archives within archives of more than %d bytes", maxHeld)
	}
	z, err := openWithin(b, name, inner)
	if err != nil || z == nil {
		return err
	}
	for _, e := range z.File {
		if err := b.entry(name); err != nil {
			return err
		}
		if err := b.spend(name, e.UncompressedSize64); err != nil {
			return err
		}
		if e.UncompressedSize64 > maxInner || e.UncompressedSize64 < uint64(len(localMark)) {
			continue
		}
		deeper, err := readAll(e, maxInner)
		if err != nil || !bytes.HasPrefix(deeper, []byte(localMark)) {
			continue
		}
		if err := within(b, name, deeper, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// openWithin gives nil for what is no zip. The directory is judged before the standard library reads it: that takes some
// hundred bytes of memory for each entry, however many the directory has, whatever count it states.
func openWithin(b *budget, name string, inner []byte) (*zip.Reader, error) {
	f, size := bytes.NewReader(inner), int64(len(inner))
	d, found, err := findEnd(f, size)
	if err == nil && !found {
		return nil, nil //nolint:nilnil // see above
	}
	if err != nil || d.outside(size) || d.large && d.base > 0 {
		return nil, refuse(name, "has a zip within whose directory is damaged, or can be read in two ways")
	}
	b.listed += d.size
	switch {
	case d.records > uint64(max(0, MaxEntries-b.entries)):
		return nil, refuse(name, "has too many entries: with the zips within at most %d are allowed", MaxEntries)
	case d.size > maxWithin || b.listed > maxListing:
		return nil, refuse(name, "has zips within with directories of more than %d bytes each, or %d together", maxWithin, maxListing)
	}
	at := io.NewSectionReader(f, d.base, size-d.base)
	if _, err := d.read(at); err != nil {
		return nil, refuse(name, "has a zip within whose directory is damaged, or can be read in two ways")
	}
	z, err := zip.NewReader(at, at.Size())
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // a file like any other
	}
	return z, nil
}

func readAll(e *zip.File, limit int64) ([]byte, error) {
	r, err := e.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(r, limit))
}

// patient ends a long read when the caller has left.
type patient struct {
	b *budget
	r io.Reader
}

// Read reads on.
func (p *patient) Read(b []byte) (int, error) {
	if err := p.b.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

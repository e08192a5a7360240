package archive

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"math"
)

// Marks of a zip's records (APPNOTE.TXT 4.3).
const (
	localMark    = "PK\x03\x04"
	centralMark  = "PK\x01\x02"
	endMark      = "PK\x05\x06"
	end64Mark    = "PK\x06\x06"
	locator64    = "PK\x06\x07"
	endSize      = 22
	end64Size    = 56
	locatorSize  = 20
	centralSize  = 46
	localSize    = 30
	unicodePath  = 0x7075
	encryptedBit = 1
)

// directory is where a zip lists its entries. The standard library finds it too, but reads it without a bound, and accepts
// some that other programs read otherwise.
type directory struct {
	base    int64 // where the zip begins in the file: a program may stand in front of it
	offset  int64 // of the list, from base
	size    int64
	records uint64
	large   bool  // its numbers are those of a zip64
	behind  int64 // bytes behind its end record and comment
}

// findDirectory looks for a zip that is the file's last part. found is false for anything else.
func findDirectory(f io.ReaderAt, size int64) (d directory, found bool, err error) {
	d, found, err = findEnd(f, size)
	switch {
	case err != nil || !found:
	case d.behind > 0:
		err = refuse("", "has something behind its end")
	case d.outside(size):
		err = refuse("", "is damaged or cut off: its directory lies outside of it")
	case d.large && d.base > 0: // from where its numbers count is read in two ways
		err = refuse("", "is damaged, or a zip64 that does not begin where the file begins")
	case d.records > MaxEntries || d.size > maxListing:
		err = refuse("", "has too many entries: at most %d are allowed", MaxEntries)
	}
	return d, found, err
}

// findEnd looks for the last end record that a program may follow: one that ends the file, or, because many programs put up
// with bytes behind it, one that leads to a directory.
func findEnd(f io.ReaderAt, size int64) (d directory, found bool, err error) {
	tail := make([]byte, min(size, endSize+math.MaxUint16))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF { //nolint:errorlint // ReaderAt's own
		return d, false, err
	}
	for i := len(tail) - endSize; i >= 0; i-- {
		if string(tail[i:i+4]) != endMark {
			continue
		}
		behind := len(tail) - i - endSize - int(binary.LittleEndian.Uint16(tail[i+20:]))
		if behind < 0 {
			continue
		}
		d, err := readEnd(f, tail[i:], size-int64(len(tail)-i))
		d.behind = int64(behind)
		if behind > 0 && (err != nil || d.outside(size) || !d.leads(f)) {
			continue // bytes that happen to look so
		}
		if err == nil && bytes.Contains(tail[i+endSize:], []byte(endMark)) {
			err = refuse("", "has a comment, or something behind it, that looks like another end")
		}
		return d, true, err
	}
	return directory{}, false, nil
}

// readEnd takes the numbers of an end record that begins at a byte of the file.
func readEnd(f io.ReaderAt, e []byte, at int64) (d directory, err error) {
	d.records = uint64(binary.LittleEndian.Uint16(e[10:]))
	d.size, d.offset = int64(binary.LittleEndian.Uint32(e[12:])), int64(binary.LittleEndian.Uint32(e[16:]))
	// The standard library also takes a size of 0xffff for a zip64's.
	if d.records == math.MaxUint16 || d.size == math.MaxUint16 || d.size == math.MaxUint32 || d.offset == math.MaxUint32 {
		if at, err = d.readLarge(f, at); err != nil {
			return d, err
		}
	}
	d.base = at - d.size - d.offset
	return d, nil
}

func (d *directory) outside(size int64) bool {
	return d.size < 0 || d.offset < 0 || d.base < 0 || d.base > size
}

// leads says whether there is a directory where the end record says, or where it says when nothing stood in front.
func (d *directory) leads(f io.ReaderAt) bool {
	mark := make([]byte, len(centralMark))
	for _, at := range []int64{d.base + d.offset, d.offset} {
		if _, err := f.ReadAt(mark, at); err == nil && string(mark) == centralMark {
			return true
		}
	}
	return false
}

// readLarge takes the numbers of a zip64, where there is one, and gives where its end record begins.
func (d *directory) readLarge(f io.ReaderAt, end int64) (int64, error) {
	loc, rec := make([]byte, locatorSize), make([]byte, end64Size)
	if end < locatorSize {
		return end, nil
	}
	if _, err := f.ReadAt(loc, end-locatorSize); err != nil {
		return end, damaged("", err)
	}
	if string(loc[:4]) != locator64 {
		return end, nil
	}
	at := binary.LittleEndian.Uint64(loc[8:])
	if at > uint64(end-locatorSize) {
		return end, refuse("", "is damaged or cut off: its directory lies outside of it")
	}
	if _, err := f.ReadAt(rec, int64(at)); err != nil || string(rec[:4]) != end64Mark {
		return end, damaged("", err)
	}
	d.large, d.records = true, binary.LittleEndian.Uint64(rec[32:])
	d.size, d.offset = int64(binary.LittleEndian.Uint64(rec[40:])), int64(binary.LittleEndian.Uint64(rec[48:])) //nolint:gosec // negative is refused
	return int64(at), nil
}

// listing is one entry as the directory has it.
type listing struct {
	name   []byte
	flags  uint16
	offset int64 // of the entry's own header; -1: said elsewhere (zip64)
	extra  []byte
}

func (d *directory) read(r io.ReaderAt) ([]listing, error) {
	b := make([]byte, d.size)
	if _, err := r.ReadAt(b, d.offset); err != nil && len(b) > 0 {
		return nil, damaged("", err)
	}
	var out []listing
	for len(b) > 0 {
		if len(b) < centralSize || string(b[:4]) != centralMark {
			return nil, refuse("", "has a damaged directory")
		}
		n, m, k := int(binary.LittleEndian.Uint16(b[28:])), int(binary.LittleEndian.Uint16(b[30:])), int(binary.LittleEndian.Uint16(b[32:]))
		if len(b) < centralSize+n+m+k {
			return nil, refuse("", "has a damaged directory")
		}
		l := listing{name: b[centralSize : centralSize+n], flags: binary.LittleEndian.Uint16(b[8:]), offset: int64(binary.LittleEndian.Uint32(b[42:])), extra: b[centralSize+n : centralSize+n+m]}
		if l.offset == math.MaxUint32 {
			l.offset = -1
		}
		out, b = append(out, l), b[centralSize+n+m+k:]
	}
	if uint64(len(out)) != d.records {
		return nil, refuse("", "has a directory with another number of entries than it says")
	}
	return out, nil
}

// agrees compares the entry in the directory, as this package and the standard library read it, with its own header.
func (l listing) agrees(r io.ReaderAt, e *zip.File) error {
	if l.flags&encryptedBit != 0 {
		return refuse(e.Name, "is encrypted, so nobody can look into it")
	}
	if e.Method != zip.Store && e.Method != zip.Deflate {
		return refuse(e.Name, "is packed by method %d, which cannot be looked into; use deflate", e.Method)
	}
	if string(l.name) != e.Name {
		return refuse(e.Name, "can be read in two ways")
	}
	if other, ok := l.otherName(); ok && badName(other) != "" {
		return refuse(other, "%s", badName(other))
	}
	if l.offset < 0 {
		return refuse(e.Name, "lies beyond 4 GiB")
	}
	head := make([]byte, localSize+len(l.name))
	if _, err := r.ReadAt(head, l.offset); err != nil || string(head[:4]) != localMark {
		return damaged(e.Name, err)
	}
	if int(binary.LittleEndian.Uint16(head[26:])) != len(l.name) || !bytes.Equal(head[localSize:], l.name) {
		return refuse(e.Name, "has another name in its own header than in the directory")
	}
	return nil
}

// otherName is the Unicode name that some programs prefer (Info-ZIP's extra field 0x7075).
func (l listing) otherName() (string, bool) {
	for b := l.extra; len(b) >= 4; {
		id, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if b = b[4:]; n > len(b) {
			return "", false
		}
		if id == unicodePath && n > 5 {
			return string(b[5:n]), true
		}
		b = b[n:]
	}
	return "", false
}

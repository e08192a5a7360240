// Package archive writes archives and files of a release that depend on their content alone: not on who wrote them, where or when.
// It overwrites nothing, and a file that it wrote without an error is whole.
package archive

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Entry is one file of an archive.
type Entry struct {
	Name string      // in the archive, with /
	File string      // its content
	Mode fs.FileMode // the source's own would tell of the machine
}

// Zip writes a zip file in which every entry has the same time: epoch, in seconds since 1970, a year from 1980 to 2107.
func Zip(file string, entries []Entry, epoch int64) error {
	return Create(file, func(w io.Writer) error {
		z := zip.NewWriter(w)
		for _, e := range sorted(entries) {
			h := &zip.FileHeader{Name: e.Name, Method: zip.Deflate, Modified: time.Unix(epoch, 0).UTC()}
			h.SetMode(e.Mode)
			into, err := z.CreateHeader(h)
			if err != nil {
				return fmt.Errorf("begin %s: %w", e.Name, err)
			}
			if err := e.copyTo(into); err != nil {
				return err
			}
		}
		return z.Close() //nolint:wrapcheck // Create says of what
	})
}

// TarGz is Zip for tar: without owner, without the name and time that gzip could tell.
func TarGz(file string, entries []Entry, epoch int64) error {
	return Create(file, func(w io.Writer) error {
		g, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err //nolint:wrapcheck // Create says of what
		}
		t := tar.NewWriter(g)
		for _, e := range sorted(entries) {
			info, err := os.Stat(e.File)
			if err != nil {
				return err //nolint:wrapcheck // names the file
			}
			h := &tar.Header{Typeflag: tar.TypeReg, Name: e.Name, Mode: int64(e.Mode), Size: info.Size(), ModTime: time.Unix(epoch, 0).UTC(), Format: tar.FormatUSTAR}
			if err := t.WriteHeader(h); err != nil {
				return fmt.Errorf("begin %s: %w", e.Name, err)
			}
			if err := e.copyTo(t); err != nil {
				return err
			}
		}
		return errors.Join(t.Close(), g.Close())
	})
}

func (e Entry) copyTo(w io.Writer) error {
	f, err := os.Open(e.File)
	if err != nil {
		return err //nolint:wrapcheck // names the file
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("pack %s: %w", e.Name, err)
	}
	return nil
}

// Create writes a file whole or says that it is not; a full disk may show only when it is closed.
func Create(file string, write func(io.Writer) error) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // a release is for everybody
	if err != nil {
		return err //nolint:wrapcheck // names the file
	}
	return errors.Join(write(f), f.Close())
}

// Copy is Create with the content of another file.
func Copy(from, to string) error { return Create(to, Entry{Name: to, File: from}.copyTo) }

func sorted(entries []Entry) []Entry {
	return slices.SortedFunc(slices.Values(entries), func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
}

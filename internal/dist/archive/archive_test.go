package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/dist/archive"
)

const made = 1700000000

// entries are two files with modes and times of their own, which no archive may tell.
func entries(t *testing.T, mode fs.FileMode, at time.Time) []archive.Entry {
	t.Helper()
	dir := t.TempDir()
	var out []archive.Entry
	for _, name := range []string{"b", "a"} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(file, []byte("content of "+name), mode), os.Chtimes(file, at, at)); err != nil {
			t.Fatal(err)
		}
		out = append(out, archive.Entry{Name: "x/" + name, File: file, Mode: 0o755})
	}
	return out
}

// TestSameBytes: an archive depends on content, names and modes that were asked for, and on nothing else.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(string, []archive.Entry, int64) error{"zip": archive.Zip, "tar.gz": archive.TarGz} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first []byte
			for i, all := range [][]archive.Entry{entries(t, 0o600, time.Unix(1, 0)), entries(t, 0o644, time.Now())} {
				file := filepath.Join(t.TempDir(), fmt.Sprint("archive", i))
				if i == 1 {
					slices.Reverse(all)
				}
				if err := write(file, all, made); err != nil {
					t.Fatal(err)
				}
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = b
				}
				if !bytes.Equal(first, b) {
					t.Error("the second one differs")
				}
				if err := write(file, all, made); !errors.Is(err, fs.ErrExist) {
					t.Errorf("what is there is overwritten: %v", err)
				}
			}
		})
	}
}

// TestContents: both kinds hold the same, sorted, and tell of nobody.
func TestContents(t *testing.T) {
	t.Parallel()
	dir, all := t.TempDir(), entries(t, 0o600, time.Now())
	if err := errors.Join(archive.Zip(filepath.Join(dir, "z"), all, made), archive.TarGz(filepath.Join(dir, "t"), all, made)); err != nil {
		t.Fatal(err)
	}
	want := []string{"x/a -rwxr-xr-x content of a", "x/b -rwxr-xr-x content of b"}
	if got := zipped(t, filepath.Join(dir, "z")); !slices.Equal(got, want) {
		t.Errorf("zip: %q", got)
	}
	if got := tarred(t, filepath.Join(dir, "t")); !slices.Equal(got, want) {
		t.Errorf("tar.gz: %q", got)
	}
}

// TestNoContent: what cannot be read is an error, in both kinds.
func TestNoContent(t *testing.T) {
	t.Parallel()
	dir, gone := t.TempDir(), []archive.Entry{{Name: "x", File: filepath.Join(t.TempDir(), "gone"), Mode: 0o644}}
	for i, write := range []func(string, []archive.Entry, int64) error{archive.Zip, archive.TarGz} {
		if err := write(filepath.Join(dir, fmt.Sprint(i)), gone, made); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func zipped(t *testing.T, file string) (out []string) {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, line(t, f.Name, f.Mode(), f.Modified, r))
	}
	return out
}

func tarred(t *testing.T, file string) (out []string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if g.Name != "" || !g.ModTime.IsZero() {
		t.Errorf("gzip tells %q and %s", g.Name, g.ModTime)
	}
	for r := tar.NewReader(g); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s is of %d:%d %q", h.Name, h.Uid, h.Gid, h.Uname)
		}
		out = append(out, line(t, h.Name, h.FileInfo().Mode(), h.ModTime, r))
	}
}

func line(t *testing.T, name string, mode fs.FileMode, at time.Time, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if !at.Equal(time.Unix(made, 0)) {
		t.Errorf("%s is of %s", name, at)
	}
	return fmt.Sprintf("%s %s %s", name, mode, b)
}

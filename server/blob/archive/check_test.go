package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/blob/archive"
)

// entry is one entry of an archive that a test writes; the zero type is a plain file.
type entry struct {
	name, body string
	mode       fs.FileMode
	link       string
	kind       byte // a tar's type flag
}

func zipOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.body == "" { // a compressor for each of 100,000 empty files takes its time
			h.Method = zip.Store
		}
		h.SetMode(e.mode | 0o644)
		body := e.body + e.link
		part, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, body); err != nil && body != "" {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Linkname: e.link, Typeflag: e.kind, Size: int64(len(e.body)), Mode: 0o644}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func check(b []byte) (string, error) {
	return archive.Check(context.Background(), bytes.NewReader(b), int64(len(b)))
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // never fails
	return b
}

// TestHarmlessFilesAreAccepted: what people pack, and what is no archive, with the format that its bytes say.
func TestHarmlessFilesAreAccepted(t *testing.T) {
	t.Parallel()
	plain := []entry{{name: "bin/", mode: fs.ModeDir, kind: tar.TypeDir}, {name: "bin/run", body: "#!/bin/sh"}, {name: "bin/start", link: "run", mode: fs.ModeSymlink, kind: tar.TypeSymlink},
		{name: "lib/x/y", link: "../../bin/run", mode: fs.ModeSymlink, kind: tar.TypeSymlink}, {name: "größe..txt", body: "x"}}
	inner := zipOf(t, entry{name: "../not/ours", body: "x"})
	msi := append([]byte{0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1}, noise(4096)...)
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"zip":                       {zipOf(t, plain...), "zip"},
		"empty zip":                 {zipOf(t), "zip"},
		"zip within zip":            {zipOf(t, entry{name: "a.jar", body: string(inner)}), "zip"},
		"program before a zip":      {append(noise(1000), zipOf(t, plain...)...), "zip"},
		"tar":                       {tarOf(t, plain...), "tar"},
		"tar with its folder":       {tarOf(t, entry{name: "./", kind: tar.TypeDir}, entry{name: "./a", body: "x"}, entry{name: "d/", kind: tar.TypeDir}, entry{name: "d/", kind: tar.TypeDir}), "tar"},
		"tar with a zip at its end": {tarOf(t, entry{name: "a.zip", body: string(zipOf(t, plain...))}), "tar"},
		"tar.gz":                    {gz(t, tarOf(t, plain...)), "tar.gz"},
		"gzip of a text":            {gz(t, []byte(strings.Repeat("text ", 1000))), "raw"},
		"msi":                       {msi, "raw"},
		"one byte":                  {[]byte("x"), "raw"},
		"zeros":                     {make([]byte, 2048), "raw"},
		"text":                      {[]byte("PK is not enough"), "raw"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := check(c.body); got != c.want || err != nil {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// TestHostileArchivesAreRefused: the corpus of SEC-66, in every format that can carry the case, with the entry and the reason.
func TestHostileArchivesAreRefused(t *testing.T) {
	t.Parallel()
	good := entry{name: "good", body: "x"}
	link := func(name, to string) entry {
		return entry{name: name, link: to, mode: fs.ModeSymlink, kind: tar.TypeSymlink}
	}
	for name, c := range map[string]struct {
		entries []entry
		why     string
	}{
		"up":                      {[]entry{good, {name: "../evil", body: "x"}}, `".." in its name`},
		"up in the middle":        {[]entry{{name: "a/../../evil", body: "x"}}, `".." in its name`},
		"absolute":                {[]entry{{name: "/etc/passwd", body: "x"}}, "absolute"},
		"backslash":               {[]entry{{name: `a\..\..\evil`, body: "x"}}, "backslash"},
		"drive":                   {[]entry{{name: "C:evil", body: "x"}}, "drive letter"},
		"share":                   {[]entry{{name: `\\host\share`, body: "x"}}, "backslash"},
		"control":                 {[]entry{{name: "a\nb", body: "x"}}, "control"},
		"long":                    {[]entry{{name: strings.Repeat("a", 2000), body: "x"}}, "too long"},
		"twice":                   {[]entry{good, {name: "good", body: "y"}}, "twice"},
		"twice, other spelling":   {[]entry{good, {name: ".//good", body: "y"}}, "twice"},
		"link up":                 {[]entry{link("l", "../evil")}, "link"},
		"link up from below":      {[]entry{link("a/l", "../../evil")}, "link"},
		"absolute link":           {[]entry{link("l", "/etc")}, "link"},
		"link with a drive":       {[]entry{link("l", "c:/x")}, "link"},
		"link over a link":        {[]entry{link("b", "."), link("a", "b/../evil")}, "link"},
		"link over a link, below": {[]entry{link("d/b", ".."), link("d/a", "b/../evil")}, "link"},
		"empty link":              {[]entry{link("l", "")}, "link"},
		"below a link":            {[]entry{link("l", "d"), {name: "l/x", body: "x"}}, "lies below"},
		"below a link, before":    {[]entry{{name: "l/x", body: "x"}, link("l", "d")}, "lies below"},
		"below a file":            {[]entry{good, {name: "good/x", body: "x"}}, "lies below"},
		"many":                    {many(archive.MaxEntries + 1), "many"},
	} {
		for format, body := range map[string]func() []byte{
			"zip": func() []byte { return zipOf(t, c.entries...) }, "tar": func() []byte { return tarOf(t, c.entries...) }, "tar.gz": func() []byte { return gz(t, tarOf(t, c.entries...)) },
		} {
			if name == "empty link" && format != "zip" || name == "many" && format == "tar.gz" {
				continue // a tar cannot carry the one; the other costs time and shows nothing new
			}
			t.Run(name+" in "+format, func(t *testing.T) {
				t.Parallel()
				refused(t, body(), c.why)
			})
		}
	}
	for name, c := range map[string]struct {
		kind byte
		why  string
	}{"hard link": {tar.TypeLink, "hard link"}, "character device": {tar.TypeChar, "device"}, "block device": {tar.TypeBlock, "device"}, "pipe": {tar.TypeFifo, "device"}, "unknown": {'Z', "neither"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, tarOf(t, good, entry{name: "odd", kind: c.kind, link: "good"}), c.why)
		})
	}
	t.Run("device in zip", func(t *testing.T) {
		t.Parallel()
		refused(t, zipOf(t, entry{name: "odd", mode: fs.ModeDevice | fs.ModeCharDevice}), "device")
	})
}

func many(n int) []entry {
	out := make([]entry, n)
	for i := range out {
		out[i].name = fmt.Sprint("f", i)
	}
	return out
}

func refused(t *testing.T, body []byte, why string) {
	t.Helper()
	_, err := check(body)
	if !fault.Is(err, fault.Invalid) || fault.CodeOf(err) != "unsafe_archive" || !strings.Contains(err.Error(), why) {
		t.Errorf("%v; want a refusal that says %q", err, why)
	}
}

// TestBombsAreRefused before they are unpacked: by what they say that they unpack to, and by what comes out (SEC-66).
func TestBombsAreRefused(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("\x00", 70<<20)
	bomb := zipOf(t, entry{name: "z", body: zeros})
	nested := zipOf(t, entry{name: "0", body: zeros[:8<<20]})
	for range 2 { // 256 of them
		var level []entry
		for i := range 16 {
			level = append(level, entry{name: fmt.Sprint(i, ".zip"), body: string(nested)})
		}
		nested = zipOf(t, level...)
	}
	deep := zipOf(t, entry{name: "x", body: "x"})
	for range 12 {
		deep = zipOf(t, entry{name: "deeper.zip", body: string(deep)})
	}
	for name, c := range map[string]struct {
		body []byte
		why  string
	}{
		"zip":                  {bomb, "bomb"},
		"tar.gz":               {gz(t, tarOf(t, entry{name: "z", body: zeros})), "bomb"},
		"zips within zips":     {nested, "bomb"},
		"zips within a tar.gz": {gz(t, tarOf(t, entry{name: "z.zip", body: string(bomb)})), "bomb"},
		"deep":                 {deep, "more than 8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, c.body, c.why)
		})
	}
}

// TestDamagedArchivesAreRefused: cut at every place, and with each byte of their structure changed, an archive is refused
// or taken for no archive, and never accepted as whole; two readers never see two things (SEC-66).
func TestDamagedArchivesAreRefused(t *testing.T) {
	t.Parallel()
	entries := []entry{{name: "first", body: string(noise(700))}, {name: "second", body: "text"}}
	for format, body := range map[string][]byte{"zip": zipOf(t, entries...), "tar": tarOf(t, entries...), "tar.gz": gz(t, tarOf(t, entries...))} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			end := len(body)
			if format == "tar" {
				end -= 512 // one block of zeros at the end is enough
			}
			for n := range end {
				if got, err := check(body[:n]); got != "raw" && err == nil {
					t.Fatalf("the first %d of %d bytes pass as %s", n, len(body), got)
				}
			}
		})
	}
	z := zipOf(t, entries...)
	t.Run("content of a zip", func(t *testing.T) {
		t.Parallel()
		bad := bytes.Clone(z)
		bad[100] ^= 1
		refused(t, bad, `"first" is damaged`)
	})
	t.Run("two names", func(t *testing.T) {
		t.Parallel()
		refused(t, bytes.Replace(z, []byte("second"), []byte("sec/nd"), 1), "another name")
	})
	t.Run("encrypted", func(t *testing.T) {
		t.Parallel()
		bad := bytes.Clone(z)
		bad[bytes.Index(bad, []byte("PK\x01\x02"))+8] |= 1
		refused(t, bad, "encrypted")
	})
	t.Run("another count", func(t *testing.T) {
		t.Parallel()
		bad := bytes.Clone(z)
		bad[len(bad)-22+10]++
		refused(t, bad, "another number")
	})
	t.Run("two ends", func(t *testing.T) {
		t.Parallel()
		bad := append(bytes.Clone(z), z[len(z)-22:]...)
		bad[len(z)-2], bad[len(bad)-2] = 22, 1 // the second one is the first one's comment, unless a reader does not look closely
		refused(t, bad, "another end")
	})
	t.Run("behind the end of a tar", func(t *testing.T) {
		t.Parallel()
		refused(t, append(tarOf(t, entries...), tarOf(t, entry{name: "../evil"})...), "behind its end")
	})
	t.Run("behind the end of a tar.gz", func(t *testing.T) {
		t.Parallel()
		refused(t, append(gz(t, tarOf(t, entries...)), "more"...), "damaged")
	})
}

// TestCheckEndsWithItsCaller: a long read stops when nobody waits for it, and that is not the archive's fault.
func TestCheckEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, body := range map[string][]byte{"zip": zipOf(t, entry{name: "a", body: "x"}), "tar": tarOf(t, entry{name: "a", body: "x"})} {
		if _, err := archive.Check(ctx, bytes.NewReader(body), int64(len(body))); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzCheck: whatever the bytes, it ends, does not panic, and what it accepts as a zip lies inside (SEC-66, FLT-33).
func FuzzCheck(f *testing.F) {
	f.Add(zipOf(f, entry{name: "a/b", body: "x"}))
	f.Add(tarOf(f, entry{name: "a/b", body: "x"}))
	f.Add(gz(f, tarOf(f, entry{name: "a/b", body: "x"})))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := check(b)
		if err != nil || got != "zip" {
			return
		}
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("accepted, but the standard library says: %v", err)
		}
		for _, e := range z.File {
			if !fs.ValidPath(strings.Trim(e.Name, "/")) && (strings.HasPrefix(e.Name, "/") || strings.Contains("/"+e.Name+"/", "/../")) {
				t.Errorf("accepted with the entry %q", e.Name)
			}
		}
	})
}

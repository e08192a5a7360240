package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime"
	"strings"
	"testing"
)

// header is a tar header that the standard library would not write. sum writes the checksum's field.
func header(name string, size int, kind byte, link string, sum func(plain, signed int) string) []byte {
	b := make([]byte, 512)
	copy(b, name)
	copy(b[100:], "0000644\x000000000\x000000000\x00")
	copy(b[124:], fmt.Sprintf("%011o\x00%011o\x00", size, 0))
	copy(b[148:], "        ")
	b[156] = kind
	copy(b[157:], link)
	copy(b[257:], "ustar\x0000")
	return summed(b, sum)
}

func summed(b []byte, sum func(plain, signed int) string) []byte {
	plain, signed := 0, 0
	for _, c := range b {
		plain, signed = plain+int(c), signed+int(int8(c))
	}
	copy(b[148:156], sum(plain, signed))
	return b
}

func usual(plain, _ int) string { return fmt.Sprintf("%06o\x00 ", plain) }

func padded(body string) []byte {
	return append([]byte(body), make([]byte, (512-len(body)%512)%512)...)
}

func global(key, value string) []byte {
	body := " " + key + "=" + value + "\n"
	n := len(body) + 2
	body = fmt.Sprint(n) + body
	return append(header("g", len(body), 'g', "", usual), padded(body)...)
}

// withoutMagic makes the header one of the first kind of tar, which has only a checksum.
func withoutMagic(b []byte, sum func(plain, signed int) string) []byte {
	copy(b[257:265], make([]byte, 8))
	copy(b[148:156], "        ")
	return summed(b, sum)
}

// TestArchivesThatProgramsReadInTwoWaysAreRefused: what one program takes for harmless, or for no archive, and another one
// unpacks (SEC-66).
func TestArchivesThatProgramsReadInTwoWaysAreRefused(t *testing.T) {
	t.Parallel()
	end, evil := make([]byte, 1024), zipOf(t, entry{name: "../evil", body: "x"})
	text := padded("evil\n")
	of := func(parts ...[]byte) []byte { return append(bytes.Join(parts, nil), end...) }
	signed := func(_, s int) string { return fmt.Sprintf("%06o\x00 ", s) }
	trailed := func(p, _ int) string { return fmt.Sprintf("%06o\x00x", p) }
	binarySum := func(p, _ int) string {
		return "\x80\x00\x00\x00" + string(binary.BigEndian.AppendUint32(nil, uint32(p)))
	}
	base64Sum := func(int, int) string { return "+AAAA   " }
	high := "../evil-\xc3\xa9"
	for name, c := range map[string]struct {
		body []byte
		why  string
	}{
		"global path":             {of(global("path", "../evil"), header("good", 5, '0', "", usual), text), "global header"},
		"global link":             {of(global("linkpath", "/etc/passwd"), header("good", 0, '2', "ok", usual)), "global header"},
		"signed sum":              {of(header(high, 5, '0', "", signed), text), `".." in its name`},
		"signed sum, first kind":  {of(withoutMagic(header(high, 5, '0', "", signed), signed), text), `".." in its name`},
		"sum with a tail":         {of(header("../evil", 5, '0', "", trailed), text), `".." in its name`},
		"the same, first kind":    {of(withoutMagic(header("../evil", 5, '0', "", usual), trailed), text), `".." in its name`},
		"binary sum, first kind":  {of(withoutMagic(header("../evil", 5, '0', "", usual), binarySum), text), "damaged"},
		"sum that cannot be read": {of(header("../evil", 5, '0', "", base64Sum), text), "damaged"},
		"first name empty":        {of(header("", 5, '0', "", usual), text, header("../evil", 5, '0', "", usual), text), "no name"},
		"zip and a byte":          {append([]byte("#!/bin/sh\n"+string(evil)), 'X'), "something behind"},
		"zip and two":             {append([]byte("MZ"+string(evil)), "\n\n"...), "something behind"},
		"tar and zip":             {both(t, evil, 0), "as a tar and as a zip"},
		"tar and zip and a byte":  {both(t, evil, 1), "as a tar and as a zip"},
		"tar.gz and zip":          {append(gz(t, tarOf(t, entry{name: "a", body: "x"})), evil...), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, c.body, c.why)
		})
	}
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"global comment":       {of(global("comment", "0123abcd"), header("good", 5, '0', "", usual), text), "tar"},
		"signed sum":           {of(header("\xc3\xa9", 5, '0', "", signed), text), "tar"},
		"a zip's mark in text": {[]byte(strings.Repeat("x", 40) + "PK\x05\x06" + strings.Repeat("x", 40)), "raw"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := check(c.body); got != c.want || err != nil {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// both is a tar whose last file is a zip that takes the rest of the tar, but for some bytes, for its comment.
func both(t *testing.T, z []byte, less int) []byte {
	t.Helper()
	z = append([]byte("#"), z...)
	binary.LittleEndian.PutUint16(z[len(z)-2:], uint16((512-len(z)%512)%512+1024-less))
	return tarOf(t, entry{name: "readme", body: string(z), kind: tar.TypeReg})
}

// listed is a zip that claims its one entry's directory record many times: its directory is size bytes long.
func listed(t *testing.T, inner []byte, size int, count func(n int) int) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(inner)
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	le, sum := binary.LittleEndian, crc32.ChecksumIEEE(inner)
	sizes := func(b []byte, crc uint32, packed, whole int) []byte {
		return le.AppendUint32(le.AppendUint32(le.AppendUint32(b, crc), uint32(packed)), uint32(whole))
	}
	b := append(sizes([]byte("PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00"), sum, packed.Len(), len(inner)), "\x01\x00\x00\x00a"...)
	b = append(b, packed.Bytes()...)
	at, n := len(b), 0
	record := func(crc uint32, packed, whole int) {
		b = append(sizes(append(b, "PK\x01\x02\x14\x00\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00"...), crc, packed, whole), "\x01\x00"+strings.Repeat("\x00", 16)+"a"...)
		n++
	}
	for record(sum, packed.Len(), len(inner)); len(b)+47+22 < size; {
		record(0, 0, 0)
	}
	length := len(b) - at
	b = le.AppendUint16(le.AppendUint16(append(b, "PK\x05\x06\x00\x00\x00\x00"...), uint16(count(n))), uint16(count(n)))
	return append(le.AppendUint32(le.AppendUint32(b, uint32(length)), uint32(at)), 0, 0)
}

// TestDirectoriesWithinAreBounded: zips within zips whose directories list very many entries are refused before they take
// memory: a small upload does not make hundreds of megabytes of it (SEC-66).
func TestDirectoriesWithinAreBounded(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	same := func(n int) int { return n }
	nest := func(size int, count func(int) int, levels int) []byte {
		x := []byte("PK\x03\x04zzzz")
		for range levels {
			x = listed(t, x, size, count)
		}
		return listed(t, x, 0, same)
	}
	for name, c := range map[string]struct {
		body []byte
		why  string
	}{
		"count modulo 65536":   {nest(8<<20, same, 2), "directories of more than"},
		"more than it says":    {nest(1<<20, func(int) int { return 1 }, 1), "two ways"},
		"more than are left":   {nest(1<<20, same, 6), "are allowed"},
		"more than a MiB":      {nest(2<<20, same, 1), "directories of more than"},
		"bytes that lie ahead": {nest(0, func(int) int { return 60_000 }, 1), "two ways"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		refused(t, c.body, c.why)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 160<<20 {
			t.Errorf("%s: %d bytes of upload made it allocate %d MiB", name, len(c.body), got>>20)
		}
	}
	large := []byte("PK\x03\x04" + string(noise(7<<20)))
	for range 6 {
		large = listed(t, large, 0, same)
	}
	refused(t, large, "archives within archives")
}

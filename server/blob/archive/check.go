package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Bounds of an archive. What is beyond them is taken for a bomb.
const (
	MaxEntries  = 100_000
	MaxUnpacked = 8 << 30  // bytes of all entries together, those of archives within it included
	MaxRatio    = 200      // unpacked to packed; it counts above freeUnpacked
	maxName     = 1024     // bytes of an entry's name
	maxDepth    = 8        // archives within archives
	maxInner    = 8 << 20  // an inner archive larger than this is not looked into
	maxListing  = 16 << 20 // bytes of a zip's central directory; of those of all zips within together
	maxWithin   = 1 << 20  // bytes of the central directory of one zip within
	maxHeld     = 32 << 20 // bytes of inner archives, one within the other, that are in memory at once

	freeUnpacked = 64 << 20
)

// Check says what a file is, by its bytes and not by its name: mdc.FormatZip, FormatTar, FormatTarGz or FormatRaw. An
// archive is read to its end; one that is unsafe, too large or damaged is fault.Invalid with the entry and the reason.
func Check(ctx context.Context, f io.ReaderAt, size int64) (format string, err error) {
	head := make([]byte, block)
	n, err := io.ReadFull(io.NewSectionReader(f, 0, size), head)
	if err != nil && n == 0 && size > 0 {
		return "", fmt.Errorf("check archive: %w", err)
	}
	head = head[:n]
	b := &budget{ctx: ctx, allowed: min(MaxUnpacked, max(freeUnpacked, MaxRatio*size))}
	whole := func() io.Reader { return io.NewSectionReader(f, 0, size) }
	switch {
	case isTar(head):
		return mdc.FormatTar, checkTarOnly(b, whole(), f, size)
	case holdsTar(head, whole()):
		z, err := gzip.NewReader(whole())
		if err != nil {
			return "", damaged("", err)
		}
		return mdc.FormatTarGz, checkTarOnly(b, z, f, size)
	}
	d, found, err := findDirectory(f, size)
	switch {
	case err != nil:
		return "", err
	case found:
		return mdc.FormatZip, checkZip(b, f, size, d)
	case bytes.HasPrefix(head, []byte(localMark)):
		return "", refuse("", "is cut off: its directory, which a zip has at the end, is missing")
	}
	return mdc.FormatRaw, nil
}

// holdsTar says whether a gzip begins with a tar.
func holdsTar(head []byte, whole io.Reader) bool {
	if !bytes.HasPrefix(head, []byte{0x1f, 0x8b}) {
		return false
	}
	z, err := gzip.NewReader(whole)
	if err != nil {
		return false
	}
	first := make([]byte, block)
	_, err = io.ReadFull(z, first)
	return err == nil && isTar(first)
}

// isTar says whether a block is a tar header that some program may follow: by the mark that newer kinds have, or by the
// checksum, which every kind has.
func isTar(b []byte) bool {
	const from, to, magic = 148, 156, 257
	if len(b) < block {
		return false
	}
	plain := int64((to - from) * ' ')
	signed := plain // as early programs summed, and as all still accept
	for i, c := range b[:block] {
		if i < from || i >= to {
			plain, signed = plain+int64(c), signed+int64(int8(c)) //nolint:gosec // that is the point
		}
	}
	want := tarNumber(b[from:to])
	return want == plain || want == signed || string(b[magic:magic+5]) == "ustar"
}

// tarNumber reads a number as generously as any program does: octal digits up to anything else, or binary.
func tarNumber(field []byte) (n int64) {
	if field[0]&0x80 != 0 {
		for _, c := range field[1:] {
			n = n<<8 | int64(c)
		}
		return n
	}
	for _, c := range bytes.TrimLeft(field, " \x00\t\n\v\f\r") {
		if c < '0' || c > '7' {
			break
		}
		n = n<<3 | int64(c-'0')
	}
	return n
}

// budget is what one upload may make a program do that unpacks it.
type budget struct {
	ctx      context.Context //nolint:containedctx // of the one Check that the budget is made for
	entries  int
	unpacked int64
	allowed  int64
	listed   int64 // bytes of the directories of zips within
	held     int64 // bytes of inner archives that are in memory now
}

func (b *budget) entry(name string) error {
	if b.entries++; b.entries > MaxEntries {
		return refuse(name, "is one too many: at most %d are allowed", MaxEntries)
	}
	return b.ctx.Err()
}

// spend charges n bytes that come out of an entry.
func (b *budget) spend(name string, n uint64) error {
	if n > uint64(b.allowed-b.unpacked) {
		return refuse(name, "makes it a bomb: unpacked it has more than %d bytes", b.allowed)
	}
	b.unpacked += int64(n)
	return b.ctx.Err()
}

func refuse(name, format string, args ...any) *fault.Error {
	what := "it"
	if name != "" {
		what = fmt.Sprintf("the entry %q", name[:min(len(name), 200)])
	}
	return fault.New(fault.Invalid, "unsafe_archive", "The archive is refused: %s %s. Nothing of it was kept.", what, fmt.Sprintf(format, args...))
}

// damaged words what a reader of the standard library found; the cause is for the log. Our own refusals, and the end of the
// caller's patience, pass as they are.
func damaged(name string, err error) error {
	if _, told := errors.AsType[*fault.Error](err); told || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	f := refuse(name, "is damaged or cut off")
	f.Err = err
	return f
}

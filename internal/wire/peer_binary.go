package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/prefixed"
)

// The types of the binary forms of a journal page and of a snapshot. Who asks for them in Accept may get them, and must
// also read the JSON that a partner of an earlier version sends: bodies in base64, and JSON within JSON, cost both sides
// more than all else that a change needs.
const (
	JournalPageType = "application/vnd.concord.journal-page"
	SnapshotType    = "application/vnd.concord.snapshot"
)

// maxRecords is how many records a page may have. One takes many times more memory than its shortest form has bytes.
const maxRecords = 1 << 16

var errBinary = errors.New("the binary form is damaged")

// AppendJournalPage appends p in its binary form: latest, the reason for a snapshot, whether the past was rewritten (0 or 1), the count of records and each record's
// fields in the order of JournalRecord. Numbers are uvarints; all else has its length before it.
func AppendJournalPage(b []byte, p JournalPage) ([]byte, error) {
	b = prefixed.Append(binary.AppendUvarint(b, p.Latest), p.SnapshotFrom)
	rewritten := uint64(0)
	if p.Rewritten {
		rewritten = 1
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, rewritten), uint64(len(p.Records)))
	for i := range p.Records {
		r := &p.Records[i]
		at, err := r.Time.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("encode record %d: %w", r.Sequence, err)
		}
		b = binary.AppendUvarint(binary.AppendUvarint(b, r.Sequence), r.Epoch)
		b = prefixed.Append(prefixed.Append(b, r.EpochHolder), at)
		b = prefixed.Append(prefixed.Append(prefixed.Append(prefixed.Append(b, r.Actor), r.Kind), r.Name), r.Operation)
		b = prefixed.Append(prefixed.Append(prefixed.Append(b, r.Body), r.Sealed), r.Digest)
	}
	return b, nil
}

// ReadJournalPage reads that form. Bodies are parts of b.
func ReadJournalPage(b []byte) (p JournalPage, err error) {
	in := prefixed.Reader{Rest: b}
	p.Latest, p.SnapshotFrom, p.Rewritten = in.Number(), in.Text(), in.Number() == 1
	count := in.Number()
	if count > maxRecords || count > uint64(len(in.Rest)) { // each record takes a byte at least
		return p, errBinary
	}
	p.Records = make([]JournalRecord, 0, min(count, 1<<14))
	for range count {
		r := JournalRecord{Sequence: in.Number(), Epoch: in.Number(), EpochHolder: in.Text()}
		var at time.Time
		if at.UnmarshalBinary(in.Bytes()) != nil {
			return p, errBinary
		}
		r.Time, r.Actor, r.Kind, r.Name, r.Operation = at, in.Text(), in.Text(), in.Text(), in.Text()
		r.Body, r.Sealed, r.Digest = in.Bytes(), in.Bytes(), in.Text()
		p.Records = append(p.Records, r)
	}
	if !in.Done() {
		return p, errBinary
	}
	return p, nil
}

// Marks of a snapshot's lines in binary form.
const (
	lineBegin  = 1
	lineObject = 2
	lineEnd    = 3
)

// AppendSnapshotLine appends one line in its binary form: its length as a uvarint, a mark, and its fields.
func AppendSnapshotLine(b []byte, l SnapshotLine) []byte {
	var line []byte
	switch {
	case l.Begin != nil:
		line = binary.AppendUvarint(binary.AppendUvarint([]byte{lineBegin}, l.Begin.Epoch), l.Begin.Sequence)
		line = prefixed.Append(prefixed.Append(line, l.Begin.EpochHolder), l.Begin.Digest)
	case l.End != nil:
		line = binary.AppendUvarint([]byte{lineEnd}, l.End.Objects)
	default:
		line = make([]byte, 0, 32+len(l.Kind)+len(l.Name)+len(l.Body)+len(l.Sealed))
		line = prefixed.Append(prefixed.Append(append(line, lineObject), l.Kind), l.Name)
		line = prefixed.Append(prefixed.Append(line, l.Body), l.Sealed)
	}
	return prefixed.Append(b, line)
}

// ByteReader is what ReadSnapshotLine reads from.
type ByteReader interface {
	io.Reader
	io.ByteReader
}

// ReadSnapshotLine reads one line of at most limit bytes. io.EOF says that there is none.
func ReadSnapshotLine(r ByteReader, limit int) (l SnapshotLine, err error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return l, err
	}
	if n == 0 || n > uint64(limit) {
		return l, errBinary
	}
	line := make([]byte, n)
	if _, err := io.ReadFull(r, line); err != nil {
		return l, err
	}
	in := prefixed.Reader{Rest: line[1:]}
	switch line[0] {
	case lineBegin:
		l.Begin = &SnapshotBegin{Epoch: in.Number(), Sequence: in.Number(), EpochHolder: in.Text(), Digest: in.Text()}
	case lineEnd:
		l.End = &SnapshotEnd{Objects: in.Number()}
	case lineObject:
		l.Kind, l.Name, l.Body, l.Sealed = in.Text(), in.Text(), in.Bytes(), in.Bytes()
	default:
		in.Short = true
	}
	if !in.Done() {
		return l, errBinary
	}
	return l, nil
}

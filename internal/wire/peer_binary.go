package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
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
	b = appendText(binary.AppendUvarint(b, p.Latest), p.SnapshotFrom)
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
		b = appendBytes(appendText(b, r.EpochHolder), at)
		b = appendText(appendText(appendText(appendText(b, r.Actor), r.Kind), r.Name), r.Operation)
		b = appendText(appendBytes(appendBytes(b, r.Body), r.Sealed), r.Digest)
	}
	return b, nil
}

// ReadJournalPage reads that form. Bodies are parts of b.
func ReadJournalPage(b []byte) (p JournalPage, err error) {
	in := parts{rest: b}
	p.Latest, p.SnapshotFrom, p.Rewritten = in.number(), in.text(), in.number() == 1
	count := in.number()
	if count > maxRecords || count > uint64(len(in.rest)) { // each record takes a byte at least
		return p, errBinary
	}
	p.Records = make([]JournalRecord, 0, min(count, 1<<14))
	for range count {
		r := JournalRecord{Sequence: in.number(), Epoch: in.number(), EpochHolder: in.text()}
		var at time.Time
		if at.UnmarshalBinary(in.bytes()) != nil {
			return p, errBinary
		}
		r.Time, r.Actor, r.Kind, r.Name, r.Operation = at, in.text(), in.text(), in.text(), in.text()
		r.Body, r.Sealed, r.Digest = in.bytes(), in.bytes(), in.text()
		p.Records = append(p.Records, r)
	}
	if in.short || len(in.rest) > 0 {
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
		line = appendText(appendText(line, l.Begin.EpochHolder), l.Begin.Digest)
	case l.End != nil:
		line = binary.AppendUvarint([]byte{lineEnd}, l.End.Objects)
	default:
		line = make([]byte, 0, 32+len(l.Kind)+len(l.Name)+len(l.Body)+len(l.Sealed))
		line = appendText(appendText(append(line, lineObject), l.Kind), l.Name)
		line = appendBytes(appendBytes(line, l.Body), l.Sealed)
	}
	return appendBytes(b, line)
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
	in := parts{rest: line[1:]}
	switch line[0] {
	case lineBegin:
		l.Begin = &SnapshotBegin{Epoch: in.number(), Sequence: in.number(), EpochHolder: in.text(), Digest: in.text()}
	case lineEnd:
		l.End = &SnapshotEnd{Objects: in.number()}
	case lineObject:
		l.Kind, l.Name, l.Body, l.Sealed = in.text(), in.text(), in.bytes(), in.bytes()
	default:
		in.short = true
	}
	if in.short || len(in.rest) > 0 {
		return l, errBinary
	}
	return l, nil
}

func appendBytes(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

func appendText(b []byte, part string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// parts reads one field after the other; short says that there were too few bytes.
type parts struct {
	rest  []byte
	short bool
}

func (p *parts) number() uint64 {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 {
		p.rest, p.short = nil, true
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

// bytes is nil for a field of no length.
func (p *parts) bytes() []byte {
	n := p.number()
	if n > uint64(len(p.rest)) {
		p.rest, p.short = nil, true
		return nil
	}
	if n == 0 {
		return nil
	}
	part := p.rest[:n:n]
	p.rest = p.rest[n:]
	return part
}

func (p *parts) text() string { return string(p.bytes()) }

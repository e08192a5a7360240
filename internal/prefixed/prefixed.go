// Package prefixed writes and reads the binary forms of records: numbers are unsigned varints (encoding/binary), and all else has its
// length before it, as such a number.
package prefixed

import "encoding/binary"

// Append appends part with its length before it.
func Append[T ~string | ~[]byte](b []byte, part T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// Reader reads one field after the other. After the first fault Short is set, and all that is read is zero.
type Reader struct {
	Rest  []byte // what was not read yet
	Short bool   // there were too few bytes, or a number of more than 64 bits
}

// Done says that all was read, and nothing was missing.
func (r *Reader) Done() bool { return !r.Short && len(r.Rest) == 0 }

// Number reads an unsigned varint.
func (r *Reader) Number() uint64 {
	v, n := binary.Uvarint(r.Rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.Rest = r.Rest[n:]
	return v
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if len(r.Rest) == 0 {
		r.fail()
		return 0
	}
	b := r.Rest[0]
	r.Rest = r.Rest[1:]
	return b
}

// Bytes reads what has its length before it, as a part of what is read from; nil where the length is 0.
func (r *Reader) Bytes() []byte {
	n := r.Number()
	if n > uint64(len(r.Rest)) {
		r.fail()
		return nil
	}
	if n == 0 {
		return nil
	}
	part := r.Rest[:n:n]
	r.Rest = r.Rest[n:]
	return part
}

// Text is Bytes as a string of its own.
func (r *Reader) Text() string { return string(r.Bytes()) }

func (r *Reader) fail() { r.Rest, r.Short = nil, true }

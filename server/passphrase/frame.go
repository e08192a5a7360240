package passphrase

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A frame is a head of four bytes (the topmost bit says that it is the last, the others how long it is), its bytes, and its
// HMAC-SHA-256 over the request's proof, the number of the frame, the head and the bytes. An answer that is cut off has no last
// frame, and one whose frames were changed, left out or put in another order has a frame that is wrong.
const (
	// MaxFrame is the longest frame, in bytes.
	MaxFrame  = 64 << 10
	lastFrame = 1 << 31
	headSize  = 4
)

// ErrFrame says that an answer is not what the partner sent.
var ErrFrame = errors.New("the answer was changed on its way, or cut off")

func (s Signed) frame(n uint64, head, body []byte) []byte {
	return mac(s.key, []byte(labelFrame), s.mac, binary.BigEndian.AppendUint64(nil, n), head, body)
}

// FrameWriter proves the body of an answer piece by piece. Not safe for concurrent use.
type FrameWriter struct {
	s    Signed
	to   io.Writer
	n    uint64
	kept []byte
}

// Frames makes one for an answer to the request.
func (s Signed) Frames(to io.Writer) *FrameWriter {
	return &FrameWriter{s: s, to: to, kept: make([]byte, headSize, headSize+4<<10)}
}

// Write keeps what comes until there is a whole frame of it.
func (w *FrameWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		some := min(len(p), headSize+MaxFrame-len(w.kept))
		w.kept = append(w.kept, p[:some]...)
		n, p = n+some, p[some:]
		if len(w.kept) == headSize+MaxFrame {
			if err := w.send(0); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// Flush sends what is kept.
func (w *FrameWriter) Flush() error {
	if len(w.kept) == headSize {
		return nil
	}
	return w.send(0)
}

// Close sends the last frame, without which the answer does not count. It leaves the writer below open.
func (w *FrameWriter) Close() error { return w.send(lastFrame) }

func (w *FrameWriter) send(flag uint32) error {
	binary.BigEndian.PutUint32(w.kept, uint32(len(w.kept)-headSize)|flag) //nolint:gosec // at most MaxFrame
	sum := w.s.frame(w.n, w.kept[:headSize], w.kept[headSize:])
	w.n++
	_, err := w.to.Write(append(w.kept, sum...))
	w.kept = w.kept[:headSize]
	if err != nil {
		return fmt.Errorf("send frame: %w", err)
	}
	return nil
}

// FrameReader gives the body of an answer, each piece after its proof was checked. Not safe for concurrent use.
type FrameReader struct {
	s    Signed
	from io.Reader
	n    uint64
	rest []byte // proved and not given yet
	last bool
	err  error
}

// Body makes one for an answer to the request.
func (s Signed) Body(from io.Reader) *FrameReader { return &FrameReader{s: s, from: from} }

// Read gives what is proved; io.EOF only behind the last frame.
func (r *FrameReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.last {
			return 0, io.EOF
		}
		if r.err == nil {
			r.err = r.next()
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *FrameReader) next() error {
	var head [headSize]byte
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		return broken(err)
	}
	word := binary.BigEndian.Uint32(head[:])
	length := word &^ lastFrame
	if length > MaxFrame {
		return ErrFrame
	}
	b := make([]byte, int(length)+sha256.Size)
	if _, err := io.ReadFull(r.from, b); err != nil {
		return broken(err)
	}
	if !hmac.Equal(b[length:], r.s.frame(r.n, head[:], b[:length])) {
		return ErrFrame
	}
	r.n++
	r.rest, r.last = b[:length], word&lastFrame != 0
	return nil
}

// broken words an end that is none.
func broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrFrame, io.ErrUnexpectedEOF)
	}
	return err
}

package prefixed_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/prefixed"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	b := binary.AppendUvarint(nil, 1<<63)
	b = prefixed.Append(prefixed.Append(append(b, 7), "text"), []byte{})
	in := prefixed.Reader{Rest: prefixed.Append(b, []byte{1, 2})}
	if n, k, s, empty, last := in.Number(), in.Byte(), in.Text(), in.Bytes(), in.Bytes(); n != 1<<63 || k != 7 || s != "text" || empty != nil || !bytes.Equal(last, []byte{1, 2}) {
		t.Errorf("read %d %d %q %v %v", n, k, s, empty, last)
	}
	if !in.Done() {
		t.Error("it is not done")
	}
}

// FuzzReader: whatever the bytes are, a read ends, gives no more than there is, and gives nothing after the first fault (FLT-33).
func FuzzReader(f *testing.F) {
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add(prefixed.Append(nil, "text"))
	f.Add([]byte{5, 'a'})
	f.Fuzz(func(t *testing.T, b []byte) {
		in := prefixed.Reader{Rest: b}
		read := 0
		for !in.Short && len(in.Rest) > 0 {
			before := len(in.Rest)
			read += len(in.Bytes())
			if !in.Short && len(in.Rest) >= before {
				t.Fatal("nothing was taken")
			}
		}
		if read > len(b) {
			t.Fatalf("%d bytes read of %d", read, len(b))
		}
		if in.Short && (in.Number() != 0 || in.Byte() != 0 || in.Bytes() != nil || in.Text() != "" || in.Done()) {
			t.Fatal("something was read after a fault")
		}
	})
}

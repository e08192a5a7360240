package journal_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/journal"
)

// TestExpansionsSideBySide: however many objects, however long, what four sponges give at once is SHAKE128 of each.
func TestExpansionsSideBySide(t *testing.T) {
	t.Parallel()
	var bodies [][]byte
	for _, n := range []int{0, 1, 128, 129, 136, 137, 138, 139, 140, 141, 300, 301, 472, 473, 474, 5000, 40_000, 7, 300, 300, 300} {
		bodies = append(bodies, bytes.Repeat([]byte{byte(n), 'x', 3}, n)[:n])
	}
	for count := range len(bodies) + 1 {
		got := journal.ExpandAll(bodies[:count])
		if len(got) != count {
			t.Fatalf("%d expansions of %d", len(got), count)
		}
		for i, body := range bodies[:count] {
			if got[i] != journal.ExpandOne("group", "g", body) {
				t.Errorf("of %d objects number %d, %d bytes long, differs", count, i, len(body))
			}
		}
	}
}

// TestLanesDoNotCarry: each of the 1,024 lanes is added and taken away for itself.
func TestLanesDoNotCarry(t *testing.T) {
	t.Parallel()
	a, b := journal.ExpandOne("group", "a", nil), journal.ExpandOne("group", "b", nil)
	for i, v := range []uint16{0, 1, 0x7fff, 0x8000, 0xffff} { // the edges, each beside each
		for j, w := range []uint16{0, 1, 0x7fff, 0x8000, 0xffff} {
			binary.LittleEndian.PutUint16(a[2*(5*i+j):], v)
			binary.LittleEndian.PutUint16(b[2*(5*i+j):], w)
		}
	}
	sum, back := journal.JoinAndPart(a, b)
	for i := 0; i < len(a); i += 2 {
		want := binary.LittleEndian.Uint16(a[i:]) + binary.LittleEndian.Uint16(b[i:])
		if got := binary.LittleEndian.Uint16(sum[i:]); got != want {
			t.Errorf("lane %d: got %x, want %x", i/2, got, want)
		}
	}
	if back != a {
		t.Error("taking away what was added did not lead back")
	}
}

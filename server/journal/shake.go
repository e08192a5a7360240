package journal

import (
	"encoding/binary"

	"github.com/cloudflare/circl/simd/keccakf1600"
)

// term is what the digest of a set knows of one object.
type term struct {
	kind string
	name string
	body []byte
	gone bool // to be taken away
}

const (
	shakeRate   = 168 // bytes of a block of SHAKE128 (FIPS 202)
	shakeDomain = 0x1f
	shakeLanes  = 4
)

// expandAll gives into out, which is as long, what expand gives for each term.
func expandAll(terms []term, out []setDigest) { new(expander).all(terms, out) }

// expander has room for the messages that it hashes.
type expander struct{ four [shakeLanes]sponge }

// all is expandAll. Four sponges run side by side in vector registers where the processor has them: the permutation is most of what
// an applied record costs.
func (e *expander) all(terms []term, out []setDigest) {
	four := &e.four
	var state keccakf1600.StateX4
	lanes := state.Initialize(false)
	for at := 0; at < len(terms); at += shakeLanes {
		n := min(shakeLanes, len(terms)-at)
		if n == 1 {
			out[at] = expand(terms[at].kind, terms[at].name, terms[at].body)
			return
		}
		for i := range n {
			four[i].load(terms[at+i], &out[at+i])
		}
		clear(lanes)
		squeeze(lanes, state.Permute, four[:n])
	}
}

// sponge is one of the four: a padded message on its way in, then 2 KiB on their way out.
type sponge struct {
	message []byte
	out     *setDigest
}

func (s *sponge) load(t term, out *setDigest) {
	m := s.message[:0]
	for _, part := range []string{t.kind, t.name} {
		m = append(binary.BigEndian.AppendUint64(m, uint64(len(part))), part...)
	}
	m = append(binary.BigEndian.AppendUint64(m, uint64(len(t.body))), t.body...)
	m = append(m, shakeDomain)
	for len(m)%shakeRate != 0 {
		m = append(m, 0)
	}
	m[len(m)-1] |= 0x80
	s.message, s.out = m, out
}

// squeeze runs the sponges to their ends. Word i of sponge j stands at lanes[4*i+j]. A short message begins to give while
// a longer one still takes.
func squeeze(lanes []uint64, permute func(), sponges []sponge) {
	for step, open := 0, true; open; step++ {
		open = false
		for j := range sponges {
			s := &sponges[j]
			if from := step * shakeRate; from < len(s.message) {
				for i := range shakeRate / 8 {
					lanes[shakeLanes*i+j] ^= binary.LittleEndian.Uint64(s.message[from+8*i:])
				}
				open = true
				continue
			}
			from := step*shakeRate - len(s.message)
			if from >= len(s.out) {
				continue
			}
			out := s.out[from:min(from+shakeRate, len(s.out))]
			for i := range len(out) / 8 {
				binary.LittleEndian.PutUint64(out[8*i:], lanes[shakeLanes*i+j])
			}
			open = open || from+shakeRate < len(s.out)
		}
		if open {
			permute()
		}
	}
}

package journal

import (
	"crypto/sha256"
	"crypto/sha3"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// setDigest is a rolling digest of a set of objects: LtHash with 1,024 lanes of 16 bits (Bellare and Micciancio 1997;
// Lewi et al. 2019). Adding and removing commute, so the digest of a state does not depend on the way to it, and
// finding two sets with one digest is as hard as a short-vector problem; a sum of plain hashes would not be.
type setDigest [2048]byte

func expand(kind, name string, body []byte) (out setDigest) {
	h := sha3.NewSHAKE128()
	var n [8]byte
	for _, part := range [][]byte{[]byte(kind), []byte(name), body} {
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		_, _ = h.Write(n[:]) // a sponge never fails to absorb
		_, _ = h.Write(part)
	}
	_, _ = h.Read(out[:])
	return out
}

func (d *setDigest) add(kind, name string, body []byte) {
	e := expand(kind, name, body)
	d.join(&e)
}

// high are the highest bits of the four lanes in a word: they are added apart, so that none carries into the next lane.
const high = 0x8000_8000_8000_8000

// join adds the lanes of o.
func (d *setDigest) join(o *setDigest) {
	for i := 0; i < len(d); i += 8 {
		a, b := binary.LittleEndian.Uint64(d[i:]), binary.LittleEndian.Uint64(o[i:])
		binary.LittleEndian.PutUint64(d[i:], (a&^high+b&^high)^((a^b)&high))
	}
}

// part takes the lanes of o away.
func (d *setDigest) part(o *setDigest) {
	for i := 0; i < len(d); i += 8 {
		a, b := binary.LittleEndian.Uint64(d[i:]), binary.LittleEndian.Uint64(o[i:])
		binary.LittleEndian.PutUint64(d[i:], ((a|high)-b&^high)^((a^^b)&high))
	}
}

// String is the digest as it is shown: hex SHA-256 of the lanes.
func (d *setDigest) String() string {
	sum := sha256.Sum256(d[:])
	return hex.EncodeToString(sum[:])
}

func readDigest(b []byte) (d setDigest, err error) {
	if len(b) != len(d) {
		return d, fmt.Errorf("read digest state: %d bytes, want %d", len(b), len(d))
	}
	copy(d[:], b)
	return d, nil
}

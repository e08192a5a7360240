package journal

// ExpandOne and ExpandAll give the expansions of objects made one by one and side by side.
func ExpandOne(kind, name string, body []byte) [2048]byte { return expand(kind, name, body) }

// ExpandAll takes bodies of objects "group" "g".
func ExpandAll(bodies [][]byte) (out [][2048]byte) {
	var terms []term
	for _, b := range bodies {
		terms = append(terms, term{kind: "group", name: "g", body: b})
	}
	lanes := make([]setDigest, len(terms))
	expandAll(terms, lanes)
	for _, d := range lanes {
		out = append(out, d)
	}
	return out
}

// JoinAndPart adds b's lanes to a's, and takes them away again from the sum.
func JoinAndPart(a, b [2048]byte) (sum, back [2048]byte) {
	s, o := setDigest(a), setDigest(b)
	s.join(&o)
	sum = s
	s.part(&o)
	return sum, s
}

// The stored form of a record.
func EncodeRecord(rec Record) ([]byte, error) { return encodeRecord(rec) }

// DecodeRecord reads either form.
func DecodeRecord(b []byte) (Record, error) { return decodeRecord(b) }

// Told counts the records that need not wait for their turn.
func (p *Prepared) Told() (n int) {
	for _, s := range p.shifts {
		if s != nil {
			n++
		}
	}
	return n
}

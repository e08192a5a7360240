package identity

// Occupy takes every turn of h until the function that it gives is called, as stuck hashes would.
func Occupy(h *Hasher) (release func()) {
	for range cap(h.turns) {
		h.turns <- struct{}{}
	}
	return func() {
		for range cap(h.turns) {
			<-h.turns
		}
	}
}

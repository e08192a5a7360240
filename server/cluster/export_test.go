package cluster

// Held says whether this node may work now.
func (l *Lease) Held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holdsAt(l.c.Clock.Now())
}

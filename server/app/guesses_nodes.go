package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// tally counts wrong passwords for this data center (SEC-30): for each account one of its nodes counts in its memory, which all of them find by the
// same hash among those that are alive. So nothing is written, and the limit is one number however many nodes there are. One that does
// not answer is passed over for a while, and the next one in the same order counts from nothing. One that answers that it has no room is not passed over:
// the check is refused.
type tally struct {
	own  *identity.Counter
	near *neighbours          // nil = this node is all there is
	wait func() time.Duration // for another node's answer

	mu     sync.Mutex // guards all below
	names  []string   // of the other nodes
	read   time.Time  // when they were, or began to be
	known  bool       // they were read once
	silent map[string]time.Time
	open   map[string]*client.Client // by node; one whose question failed is made anew
}

var _ httpapi.Guesses = (*tally)(nil)

// nodesAnew is how old the list of nodes may be by which they find who counts.
const nodesAnew = time.Second

func (n *Node) newTally(own *identity.Counter) *tally {
	t := &tally{own: own, wait: func() time.Duration { return n.model.SessionPolicy().RetrievalMaxWait.D() }, silent: map[string]time.Time{}, open: map[string]*client.Client{}}
	if n.shared() {
		t.near = n.neighbours
	}
	return t
}

// Take counts one check, at the node that counts for the account; at is what GiveBack takes.
func (t *tally) Take(ctx context.Context, account, source string, known bool) (at time.Time, granted bool) {
	out, asked := t.ask(ctx, wire.SignInAttempt{Account: account, Window: "1m", Source: source, Known: known})
	switch {
	case !asked:
		return t.own.Take(account, source, known)
	case out.At == nil:
		return at, false
	}
	return *out.At, out.Granted
}

// GiveBack uncounts a check that was no guess. Where another node counts by now, it counts for a minute.
func (t *tally) GiveBack(ctx context.Context, account string, at time.Time) {
	if _, asked := t.ask(ctx, wire.SignInAttempt{Account: account, Window: "1m", GiveBack: &at}); !asked {
		t.own.GiveBack(account, at)
	}
}

// ask asks the first node in the account's order that answers; false when that is this one.
func (t *tally) ask(ctx context.Context, in wire.SignInAttempt) (out wire.SignInGrant, asked bool) {
	if t.near == nil {
		return out, false
	}
	self := t.near.members.Self().Name
	for _, node := range inOrderOf(in.Account, append(t.others(ctx), self)) {
		if node == self {
			break
		}
		if t.isSilent(node) {
			continue
		}
		err := t.askNode(ctx, node, client.Request{Path: "/peer/v1/neighbours/sign-in-attempts", In: in, Out: &out})
		if err == nil {
			return out, true
		}
		if tooBusy(err) { // it counts, and would go on counting: whoever fills one node after the other gets no new count at the next
			return wire.SignInGrant{}, true
		}
	}
	return out, false
}

func (t *tally) askNode(ctx context.Context, node string, r client.Request) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.wait())
	defer cancel()
	c, err := t.client(ctx, node)
	if err == nil {
		r.Method, r.Header = http.MethodPost, t.near.label.on(nil)
		_, err = c.Do(ctx, r)
	}
	if tooBusy(err) {
		return err
	}
	if err != nil {
		t.near.logger.Warn("another node cannot be asked, or told, how often a password was guessed; it is passed over for a while", "node", node, "error", err)
		t.pass(node)
	}
	return err
}

// tooBusy says that a node answered that it has no room: it is there, and has what it counted.
func tooBusy(err error) bool {
	answer, ok := errors.AsType[*client.APIError](err)
	return ok && (answer.Status == http.StatusServiceUnavailable || answer.Status == http.StatusTooManyRequests)
}

// client keeps connections: a sign-in asks twice.
func (t *tally) client(ctx context.Context, node string) (*client.Client, error) {
	t.mu.Lock()
	c := t.open[node]
	t.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := t.near.client(ctx, node)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if other := t.open[node]; other != nil {
		c.Close()
		return other, nil
	}
	t.open[node] = c
	return c, nil
}

// pass leaves a node out for a while, and its connections behind: it may come back at another address, or under another certificate.
func (t *tally) pass(node string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.silent[node] = time.Now().Add(notAskedFor)
	t.closeLocked(node)
}

func (t *tally) closeLocked(node string) {
	if c := t.open[node]; c != nil {
		c.Close()
		delete(t.open, node)
	}
}

func (t *tally) isSilent(node string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Now().Before(t.silent[node])
}

// others gives the other nodes that are alive, as they were a moment ago; where the store cannot be asked, as they were last.
func (t *tally) others(ctx context.Context) []string {
	t.mu.Lock()
	names, fresh := t.names, time.Since(t.read) < nodesAnew
	if !fresh && t.known {
		t.read = time.Now() // one asks, and the others go by what it found last
	}
	t.mu.Unlock()
	if fresh {
		return slices.Clone(names)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.wait()) // it is read for all
	defer cancel()
	now, err := t.near.names(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.read = time.Now(); err == nil {
		t.names, t.known = now, true
		for _, gone := range names {
			if !slices.Contains(now, gone) {
				delete(t.silent, gone)
				t.closeLocked(gone)
			}
		}
	}
	return slices.Clone(t.names)
}

// close drops the connections.
func (t *tally) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for node := range t.open {
		t.closeLocked(node)
	}
}

// inOrderOf sorts data centers, or the nodes of one, by how much they weigh for an account (rendezvous hashing).
func inOrderOf(account string, names []string) []string {
	weight := func(name string) uint64 {
		sum := sha256.Sum256([]byte(mdc.FoldName(account) + "\x00" + mdc.FoldName(name))) // names have no zero byte
		return binary.BigEndian.Uint64(sum[:])
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(weight(b), weight(a)) })
	return names
}

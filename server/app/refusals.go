package app

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	"golang.org/x/time/rate"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// How many refused callers of the listeners together are recorded: anybody who reaches one can cause a record, so a burst, and then one a
// minute with the number of those in between. That is below 1 MB a day.
const (
	refusalBurst = 20
	refusalRate  = 1.0 / 60 // a second
	refusalQueue = 64
)

// refusals carries refused callers from the handshake, which must not wait, to the audit record (SEC-41).
type refusals struct {
	queue  chan string
	limit  *rate.Limiter
	missed uint64 // Run's own: since the last record
}

func newRefusals() *refusals {
	return &refusals{queue: make(chan string, refusalQueue), limit: rate.NewLimiter(refusalRate, refusalBurst)}
}

// notePeer takes a refusal in a handshake of the peer listener.
func (r *refusals) notePeer(leaf *x509.Certificate, err error) { r.note("peer", leaf, err) }

// note takes one refusal at a listener. It does not block: what does not fit is lost, and the log has it.
func (r *refusals) note(listener string, leaf *x509.Certificate, err error) {
	select {
	case r.queue <- refusal(listener, leaf, err):
	default:
	}
}

// refusal says what was refused. The name is the caller's own word, and shown only when it is one.
func refusal(listener string, leaf *x509.Certificate, err error) string {
	name := "no name"
	if names := trust.URINames(leaf); len(names) == 1 && len(names[0]) <= 128 && !strings.ContainsFunc(names[0], func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
		name = names[0]
	}
	return fmt.Sprintf("%s/%s certificate %s, which says %s", listener, fault.CodeOf(err), mdc.Fingerprint(leaf), name)
}

// recordRefusals writes them to the audit record until ctx ends.
func (n *Node) recordRefusals(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			for len(n.refusals.queue) > 0 { // nobody else reads
				n.recordRefusal(context.WithoutCancel(ctx), <-n.refusals.queue)
			}
			return nil
		case what := <-n.refusals.queue:
			n.recordRefusal(context.WithoutCancel(ctx), what)
		}
	}
}

func (n *Node) recordRefusal(ctx context.Context, what string) {
	if !n.refusals.limit.AllowN(n.opts.Clock.Now(), 1) {
		n.refusals.missed++
		return
	}
	if n.refusals.missed > 0 {
		what += fmt.Sprintf("; %d more since the last record", n.refusals.missed)
		n.refusals.missed = 0
	}
	err := n.state.Update(ctx, func(tx store.Writer) error {
		return n.acts.Append(tx, audit.Event{Actor: "stranger", Action: "refuse", Target: what, Outcome: audit.Refused})
	})
	if err != nil {
		n.log.Warn("cannot record a refused caller", "error", err)
	}
}

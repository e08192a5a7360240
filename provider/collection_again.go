package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// existing is a refusal because of members that exist, are not in the state, and are not as planned.
type existing struct {
	error
	names []string
}

func (e *existing) Unwrap() error { return e.error }

// settle looks at the server after a batch was refused because of what is there, or its answer was lost. What is already as
// planned is what an apply leaves that was cut off, and what is gone needs no deletion: with these taken for what they are, the
// batch is sent once more, under the conditions of now. Everything else stays refused, with why.
func (c *collection[E, M, V, P]) settle(ctx context.Context, batch []*change[E], why error, diags *diag.Diagnostics) ([]wire.BatchResult, client.Response, error) {
	kind := fault.KindOf(why)
	lost := kind == fault.Unavailable || kind == fault.Internal
	if !lost && kind != fault.Precondition && !gone(why) {
		return nil, client.Response{}, why
	}
	names := make(map[string]bool, len(batch))
	for _, ch := range batch {
		names[c.fold(ch.key)] = true
	}
	seen, err := c.look(ctx, names)
	if err != nil {
		return nil, client.Response{}, why
	}
	planned, err := c.asPlanned(ctx, batch, seen)
	if err != nil {
		return nil, client.Response{}, why
	}
	r := c.again(batch, seen, planned)
	if len(r.exist) > 0 {
		return nil, client.Response{}, &existing{why, r.exist}
	}
	if !r.differs {
		return nil, client.Response{}, why
	}
	results, res, err := c.resend(ctx, r, len(batch))
	if err == nil && len(r.taken) > 0 && !lost {
		diags.AddWarning(fmt.Sprintf("%d of %s were there already", len(r.taken), c.members),
			fmt.Sprintf("They are what this configuration describes, as after an apply that was cut off, so they are now managed here: %s. If another configuration, or another resource of this one, manages them too, remove them from one of both.", named(r.taken)))
	}
	return results, res, err
}

// asPlanned tells what somebody wrote since the plan and what nevertheless is as planned, by folded name. The server compares, with a
// dry run; secrets cannot be compared.
func (c *collection[E, M, V, P]) asPlanned(ctx context.Context, batch []*change[E], seen map[string]sighting[V]) (map[string]bool, error) {
	var asked []*change[E]
	for _, ch := range batch {
		if s, ok := seen[c.fold(ch.key)]; ok && ch.op != deleting && s.etag != ch.etag {
			asked = append(asked, &change[E]{op: updating, key: ch.key, etag: s.etag, plain: ch.plain})
		}
	}
	same := map[string]bool{}
	if len(asked) == 0 {
		return same, nil
	}
	results, _, err := c.send(ctx, asked, true)
	if err != nil {
		return nil, err
	}
	for i, ch := range asked {
		same[c.fold(ch.key)] = results[i].Status == "unchanged"
	}
	return same, nil
}

// repeat is what is left to do of a batch.
type repeat[E any] struct {
	batch   []*change[E]
	at      []int    // their places in the former batch
	taken   []string // names that are taken over
	exist   []string // names that exist otherwise than planned
	differs bool     // from the former batch
}

func (c *collection[E, M, V, P]) again(batch []*change[E], seen map[string]sighting[V], planned map[string]bool) (r repeat[E]) {
	for i, ch := range batch {
		s, there := seen[c.fold(ch.key)]
		switch {
		case ch.op == deleting && !there:
			r.differs = true
			continue
		case planned[c.fold(ch.key)]:
			if ch.op == creating {
				r.taken = append(r.taken, ch.key)
			}
			now := *ch
			now.op, now.etag = updating, s.etag
			ch, r.differs = &now, true
		case ch.op == creating && there:
			r.exist = append(r.exist, ch.key)
		}
		r.batch, r.at = append(r.batch, ch), append(r.at, i)
	}
	return r
}

// resend gives n results: of what is left out, empty ones.
func (c *collection[E, M, V, P]) resend(ctx context.Context, r repeat[E], n int) ([]wire.BatchResult, client.Response, error) {
	all := make([]wire.BatchResult, n)
	if len(r.batch) == 0 {
		return all, client.Response{}, nil
	}
	results, res, err := c.send(ctx, r.batch, false)
	if err != nil {
		return nil, res, err
	}
	for i, at := range r.at {
		all[at] = results[i]
	}
	return all, res, nil
}

package app

import (
	"context"
	"fmt"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
)

// sessionPeers carries the runtime's messages over the links.
type sessionPeers struct{ links *links }

var _ session.Peers = sessionPeers{}

func (p sessionPeers) post(ctx context.Context, cluster, path string, in, out any) error {
	err := p.links.do(ctx, cluster, client.Request{Method: http.MethodPost, Path: path, In: in, Out: out})
	switch {
	case err == nil:
		return nil
	case refused(err):
		return fmt.Errorf("ask %s: %w: %w", cluster, session.ErrRefused, err)
	default:
		return fmt.Errorf("ask %s: %w: %w", cluster, session.ErrUnreachable, err)
	}
}

// Retrieve asks for one session.
func (p sessionPeers) Retrieve(ctx context.Context, cluster string, r session.RetrieveRequest) (session.RetrieveAnswer, error) {
	in := wire.RetrieveRequest{ID: string(r.ID), SSOID: string(r.SSOID), Proof: r.Proof, ForCluster: r.ForCluster, JTI: r.JTI}
	var out wire.RetrieveAnswer
	if err := p.post(ctx, cluster, "/peer/v1/sessions/retrieve", in, &out); err != nil {
		return session.RetrieveAnswer{}, err
	}
	a := session.RetrieveAnswer{Result: out.Result, CodeUsed: out.CodeUsed}
	if v := out.Session; v != nil {
		a.Session = &mdc.Session{ID: mdc.SessionID(v.ID), SSOID: mdc.SSOID(v.SSOID), User: v.User, Store: v.Store, Attributes: v.Attributes, Groups: v.Groups,
			Level: v.Level, ClientAddress: v.ClientAddress, AuthenticatedAt: v.AuthenticatedAt, ExpiresAt: v.ExpiresAt, LastAccess: v.LastAccess, Members: v.Members}
	}
	return a, nil
}

// SendEvents delivers a batch.
func (p sessionPeers) SendEvents(ctx context.Context, cluster string, events []session.Event) error {
	var in wire.SessionEvents
	for _, e := range events {
		in.Events = append(in.Events, wire.SessionEvent{ID: e.ID, Kind: e.Kind, SSOID: string(e.SSOID), Proof: e.Proof, At: e.At})
	}
	return p.post(ctx, cluster, "/peer/v1/sessions/events", in, nil)
}

// SendRevocations delivers a batch and gives what the partner has.
func (p sessionPeers) SendRevocations(ctx context.Context, cluster string, b revocation.Batch) (map[string]uint64, error) {
	in := wire.Revocations{After: b.After, Through: b.Through, Next: b.Next, Revocations: make([]wire.Revocation, 0, len(b.Entries))}
	for _, e := range b.Entries {
		in.Revocations = append(in.Revocations, wire.Revocation(e))
	}
	var out wire.RevocationsAnswer
	err := p.post(ctx, cluster, "/peer/v1/revocations", in, &out)
	return out.Have, err
}

// PullRevocations asks for a page of what is missing here.
func (p sessionPeers) PullRevocations(ctx context.Context, cluster string, q revocation.Pull) (revocation.Batch, error) {
	var out wire.Revocations
	err := p.post(ctx, cluster, "/peer/v1/revocations/pull", wire.RevocationsPull{Have: q.Have, After: q.After}, &out)
	b := revocation.Batch{After: out.After, Through: out.Through, Next: out.Next}
	for _, r := range out.Revocations {
		b.Entries = append(b.Entries, revocation.Entry(r))
	}
	return b, err
}

package app

import (
	"context"
	"fmt"
	"net/http"
	"time"

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
		a.Session = &mdc.Session{ID: mdc.SessionID(v.ID), SSOID: mdc.SSOID(v.SSOID), User: v.User, Store: v.Store, Attributes: v.Attributes, Groups: v.Groups, Scheme: v.Scheme, Methods: v.Methods,
			Level: v.Level, ClientAddress: v.ClientAddress, AuthenticatedAt: v.AuthenticatedAt, ExpiresAt: v.ExpiresAt, LastAccess: v.LastAccess, Members: v.Members,
			CreatedAt: v.CreatedAt}
	}
	if out.Moved != nil {
		a.Moved = &mdc.Origin{ClusterID: out.Moved.ClusterID, SessionID: mdc.SessionID(out.Moved.SessionID)}
	}
	return a, nil
}

// SendEvents delivers a batch.
func (p sessionPeers) SendEvents(ctx context.Context, cluster string, events []session.Event) error {
	var in wire.SessionEvents
	for _, e := range events {
		in.Events = append(in.Events, wire.SessionEvent{ID: e.ID, Kind: e.Kind, SSOID: string(e.SSOID), SessionID: string(e.Session), Proof: e.Proof, At: e.At})
	}
	return p.post(ctx, cluster, "/peer/v1/sessions/events", in, nil)
}

// errShape says that a partner's answer does not fit the question.
func errShape(cluster string) error {
	return fmt.Errorf("ask %s: %w: its answer does not fit the question", cluster, session.ErrRefused)
}

// LastAccess asks when sign-ons were used last there.
func (p sessionPeers) LastAccess(ctx context.Context, cluster string, ssos []mdc.SSOID) ([]time.Time, error) {
	var in wire.LastAccessRequest
	for _, sso := range ssos {
		in.Sessions = append(in.Sessions, wire.SignOnRef{SSOID: string(sso)})
	}
	var out wire.LastAccessAnswer
	if err := p.post(ctx, cluster, "/peer/v1/sessions/last-access", in, &out); err != nil {
		return nil, err
	}
	if len(out.Sessions) != len(ssos) {
		return nil, errShape(cluster)
	}
	times := make([]time.Time, len(ssos))
	for i, s := range out.Sessions {
		if s.LastAccess != nil {
			times[i] = *s.LastAccess
		}
	}
	return times, nil
}

// Reserve asks for a place among a user's sign-ons.
func (p sessionPeers) Reserve(ctx context.Context, cluster string, r session.ReserveRequest) (a session.ReserveAnswer, err error) {
	in := wire.ReserveRequest{Store: r.Store, User: r.User, SSOID: string(r.SSOID), At: r.At, Release: r.Release}
	var out wire.ReserveAnswer
	if err := p.post(ctx, cluster, "/peer/v1/sessions/reserve", in, &out); err != nil {
		return a, err
	}
	if len(out.Live) != len(out.LiveAt) {
		return a, errShape(cluster)
	}
	for i, sso := range out.Live {
		a.Live = append(a.Live, session.Held{SSOID: mdc.SSOID(sso), At: out.LiveAt[i]})
	}
	for _, h := range out.Reserved {
		a.Reserved = append(a.Reserved, session.Held{SSOID: mdc.SSOID(h.SSOID), At: h.At})
	}
	return a, nil
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

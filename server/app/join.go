package app

import (
	"context"
	"net"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/bundle"
	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/enrolment"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/meeting"
)

// joiner calls a data center that is known by a join token only.
type joiner struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error) // nil = as usual
}

var _ httpapi.Joiner = joiner{}

// Join recognises the data center by the roots' hashes in the token, on one connection; proves over that connection that we hold the
// token's secret, without sending it; and takes the answer only with the other side's proof.
func (j joiner) Join(ctx context.Context, token wire.JoinToken, in wire.PeerJoin) (out wire.PeerJoined, rootsPEM string, err error) {
	pin := client.PinOf(token)
	pin.UserAgent, pin.Dial = "concord-peer", j.dial
	p, err := client.OpenPinned(ctx, pin)
	if err != nil {
		return out, "", err
	}
	defer p.Close()
	exporter, err := meeting.Exported(&p.State)
	if err != nil {
		return out, "", err
	}
	key := enrolment.Key(token.Secret)
	m := meeting.Meeting{Exporter: exporter, Caller: in.ClusterID, Answerer: token.Issuer, CallerBundle: []byte(in.Bundle), AnswererBundle: p.Bundle}
	in.Proof = m.Proof(key, meeting.Caller)
	if _, err := p.Do(ctx, client.Request{Method: http.MethodPost, Path: "/peer/v1/join", In: in, Out: &out}); err != nil {
		return out, "", err
	}
	if !mdc.SameName(out.ClusterID, token.Issuer) || !m.Proved(key, meeting.Answerer, out.Proof) {
		return out, "", fault.New(fault.Forbidden, "join_not_proved", "%s did not prove that it made the join token; nothing of it is trusted.", token.Issuer)
	}
	return out, bundle.PEM(p.Roots), nil
}

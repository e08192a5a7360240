package app

import (
	"context"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// sisters asks partners for a person's sign-ons over the links.
type sisters struct {
	partnerIDs
	links *links
}

var _ session.Sisters = sisters{}

// SignOnsOf asks one partner.
func (s sisters) SignOnsOf(ctx context.Context, cluster, identityStore, user string) (list []session.SignOn, more bool, err error) {
	var in wire.SignOns
	err = s.links.do(ctx, cluster, client.Request{Method: http.MethodPost, Path: "/peer/v1/sessions/of-user", In: wire.SignOnsOf{IdentityStore: identityStore, User: user}, Out: &in})
	if err != nil {
		return nil, false, err
	}
	for _, v := range in.SignOns {
		list = append(list, session.SignOn{SSOID: mdc.SSOID(v.SSOID), ClientAddress: v.ClientAddress, AuthenticatedAt: v.AuthenticatedAt, LastAccess: v.LastAccess, ExpiresAt: v.ExpiresAt})
	}
	return list, in.More, nil
}

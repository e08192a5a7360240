package app

import (
	"context"
	"crypto/x509"

	"github.com/concord-access/terraform-provider-concord/server/outbound"
)

// Bounded lets a test see who is let in.
var Bounded = bounded

// PostLogout tells one receiver, over a dialer and by roots of a data center.
func PostLogout(ctx context.Context, d *outbound.Dialer, roots []*x509.Certificate, to, token string) error {
	l := newLogoutCalls("NYDC", nil, nil, nil, d, func() []*x509.Certificate { return roots })
	defer l.close()
	return l.post(ctx, to, token)
}

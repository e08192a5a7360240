package app

import (
	"context"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// How often the ends of certificates are looked at, and how often one that ends soon is told of again.
const (
	expiryEvery = time.Hour
	expiryAgain = 24 * time.Hour
)

// ownCertificates are the issuing certificate and the leaves of this node.
func (n *Node) ownCertificates() []topology.Certificate {
	return topology.OwnCertificates(n.authority.PeerCertificate(), n.authority.WebCertificate())
}

// watchExpiry tells the log and the audit record once a day of every certificate that ends soon, until ctx ends.
func (n *Node) watchExpiry(ctx context.Context) error {
	told := map[topology.Certificate]time.Time{}
	look := time.NewTicker(expiryEvery)
	defer look.Stop()
	for {
		if err := n.tellExpiry(ctx, told); err != nil && ctx.Err() == nil {
			n.log.Warn("cannot look at the ends of certificates", "error", err)
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (n *Node) tellExpiry(ctx context.Context, told map[topology.Certificate]time.Time) error {
	all, err := n.validator.Certificates(ctx)
	if err != nil {
		return err
	}
	now := n.opts.Clock.Now()
	for c, at := range told {
		if now.Sub(at) >= expiryAgain {
			delete(told, c) // also what is gone
		}
	}
	for _, c := range all {
		if _, known := told[c]; known || !c.Soon(now) {
			continue
		}
		told[c] = now
		n.log.Warn("certificate ends soon", "certificate", c.String(), "ends", c.ExpiresAt.UTC(), "left", c.ExpiresAt.Sub(now).Round(time.Minute).String())
		err := n.state.Update(ctx, func(tx store.Writer) error {
			return n.acts.Append(tx, audit.Event{Actor: "node:" + n.cfg.NodeName, Action: "expires", Target: "certificate/" + c.String() + " at " + c.ExpiresAt.UTC().Format(time.RFC3339)})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

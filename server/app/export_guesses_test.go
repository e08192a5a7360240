package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/cluster"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// TakeBeside counts a check of an account that another node on the store, asked by c, counts. passed says that it is passed over afterwards.
func TakeBeside(ctx context.Context, s store.Store, c *client.Client) (granted, passed bool, err error) {
	self, err := cluster.New(cluster.Config{Store: s, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler), ClusterID: "NYDC",
		Self: cluster.Node{Name: "ny1", ID: "1", Version: "0.1.0"}, Gap: topology.VersionGap})
	if err != nil {
		return false, false, err
	}
	account, own := "ann", self.Self().Name
	for inOrderOf(account, []string{own, "other"})[0] == own {
		account += "n"
	}
	l := label{clusterID: "NYDC", version: "0.1.0", clock: clock.System{}, epoch: func() mdc.Epoch { return mdc.Epoch{} }}
	t := &tally{own: identity.NewCounter(clock.System{}), near: &neighbours{members: self, label: l, logger: slog.New(slog.DiscardHandler)}, wait: func() time.Duration { return 10 * time.Second },
		names: []string{"other"}, known: true, read: time.Now().Add(time.Hour), silent: map[string]time.Time{}, open: map[string]*client.Client{"other": c}}
	defer t.close()
	_, granted = t.Take(ctx, account, "192.0.2.1", false)
	return granted, t.isSilent("other"), nil
}

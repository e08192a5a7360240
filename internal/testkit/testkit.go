package testkit

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/app"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

// DataCenter is one running data center of one node.
type DataCenter struct {
	ClusterID   string
	Endpoint    string // admin listener, https://host:port
	RuntimeURL  string
	PeerAddress string // host:port
	Token       string
	CACertPEM   string
	DataDir     string

	t    testing.TB
	cfg  *config.Node
	opts app.Options
	stop func()
}

// Options of a start.
type Options struct {
	MemTable  int64        // bytes of a store's memtable, which bound one transaction; 0 = little
	Clock     clock.Clock  // nil = the machine's
	Logger    *slog.Logger // nil = the test's output
	AllowOpen bool         // whether security mode open may be declared
	// Version is what the data centers say they run; "" = one that is no release.
	Version      string
	ClientCAFile string // roots of an operator's own PKI, for the runtime listeners
	// External issues for the first data center; nil = each has an authority of its own.
	External *StepCA
	LeafTTL  time.Duration // of what External issues; 0 = the default
	Etcd     *config.Etcd  // keeps the first data center; nil = each has a Badger of its own
}

// Start runs one data center for each cluster id, unlinked and standalone, with default options.
func Start(t testing.TB, clusterIDs ...string) []*DataCenter {
	t.Helper()
	return StartWith(t, Options{}, clusterIDs...)
}

// What each store of a data center in this process takes. A memtable is one piece of memory, which the race detector watches with four
// times as much; with the size of a server's own, six data centers took two gigabytes and a fifth of the time went into collecting them.
const (
	memTable = 16 << 20
	cache    = 4 << 20
)

// StartWith is Start with options.
func StartWith(t testing.TB, o Options, clusterIDs ...string) []*DataCenter {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	var out []*DataCenter
	for i, id := range clusterIDs {
		cfg := config.Defaults()
		cfg.ClusterID, cfg.NodeName, cfg.DataDir = id, strings.ToLower(id)+"1", filepath.Join(t.TempDir(), "data")
		for _, l := range []*config.Listener{&cfg.Admin, &cfg.Runtime, &cfg.Peer} {
			l.Address, l.Advertise = "127.0.0.1:0", "127.0.0.1:0"
		}
		cfg.AllowOpen, cfg.Runtime.TLS.ClientCAFile = o.AllowOpen, o.ClientCAFile
		if i == 0 && o.External != nil {
			cfg.ExternalCA, cfg.LeafTTL = o.External.Block(), cmp.Or(o.LeafTTL, cfg.LeafTTL)
		}
		if i == 0 {
			cfg.Etcd = o.Etcd
		}
		d := &DataCenter{ClusterID: id, DataDir: cfg.DataDir, t: t, cfg: cfg, opts: app.Options{Logger: o.Logger, Version: cmp.Or(o.Version, "test"), Clock: o.Clock,
			MemTableBytes: cmp.Or(o.MemTable, memTable), CacheBytes: cache}}
		d.Start()
		t.Cleanup(func() { d.Stop() })
		out = append(out, d)
	}
	return out
}

// Start runs the data center again after Stop, on the same addresses and the same data.
func (d *DataCenter) Start() {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cfg := *d.cfg // what is learned below is for the next start
	node, err := app.Open(ctx, &cfg, d.opts)
	if err != nil {
		cancel()
		d.t.Fatalf("start data center %s: %v", d.ClusterID, err)
	}
	done := make(chan error, 1)
	go func() { done <- node.Run(ctx) }()
	d.stop = func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Errorf("data center %s: %v", d.ClusterID, err)
		}
	}
	at := node.Addresses()
	_, peer, _ := strings.Cut(at.Peer, "://")
	d.Endpoint, d.RuntimeURL, d.PeerAddress = at.Admin, at.Runtime, peer
	for l, url := range map[*config.Listener]string{&d.cfg.Admin: at.Admin, &d.cfg.Runtime: at.Runtime, &d.cfg.Peer: at.Peer} {
		_, address, _ := strings.Cut(url, "://")
		l.Address, l.Advertise = address, address
	}
	d.credentials()
	d.waitReady()
}

// credentials reads what a first start leaves.
func (d *DataCenter) credentials() {
	d.t.Helper()
	d.Token, d.CACertPEM = strings.TrimSpace(d.read(d.cfg.TokenFile())), d.read(d.cfg.CAFile())
}

// AllowOpen changes what the next Start finds in the node's file about security mode open.
func (d *DataCenter) AllowOpen(allow bool) { d.cfg.AllowOpen = allow }

// Fresh is d as who begins now sees it: with the roots that lie in its directory, which a rotation replaces.
func (d *DataCenter) Fresh() *DataCenter {
	d.t.Helper()
	out := *d
	out.credentials()
	return &out
}

// Stop drains and ends the data center; a second call does nothing.
func (d *DataCenter) Stop() {
	if d.stop != nil {
		d.stop()
		d.stop = nil
	}
}

// Admin gives a client of the admin listener with the bootstrap token.
func (d *DataCenter) Admin() *client.Client {
	d.t.Helper()
	return d.client(client.Config{Endpoint: d.Endpoint, Token: d.Token})
}

// Agent gives a client of the runtime listener that authenticates as an agent.
func (d *DataCenter) Agent(name, secret string) *client.Client {
	d.t.Helper()
	return d.client(client.Config{Endpoint: d.RuntimeURL, Username: name, Password: secret})
}

// TLS trusts this data center's root.
func (d *DataCenter) TLS() *tls.Config {
	d.t.Helper()
	cfg, err := client.TLSFromPEM(d.CACertPEM, "", "")
	if err != nil {
		d.t.Fatalf("read root: %v", err)
	}
	return cfg
}

func (d *DataCenter) client(c client.Config) *client.Client {
	d.t.Helper()
	c.TLS, c.MaxRetries = d.TLS(), -1
	out, err := client.New(c)
	if err != nil {
		d.t.Fatalf("make client: %v", err)
	}
	d.t.Cleanup(out.Close)
	return out
}

func (d *DataCenter) read(path string) string {
	d.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatalf("read what a start leaves: %v", err)
	}
	return string(b)
}

func (d *DataCenter) waitReady() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 20*time.Second)
	defer cancel()
	admin := d.Admin()
	Eventually(ctx, d.t, "data center "+d.ClusterID+" is ready", func() bool {
		_, err := admin.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/ready"})
		return err == nil
	})
}

// Eventually asks until ok, or fails the test when ctx ends.
func Eventually(ctx context.Context, t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not in time", what)
		case <-tick.C:
		}
	}
}

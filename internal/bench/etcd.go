package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

const (
	etcdMembers = 3
	etcdPorts   = 40 // above the stage's first port: client, peer and metrics of each member
	etcdLimit   = time.Minute
)

// errNoEtcd says that etcd cannot be built here.
var errNoEtcd = errors.New("etcd cannot be built")

// withEtcd is a benchmark on three members of etcd. It is left out where etcd cannot be built, which takes its sources.
func withEtcd(name string, run func(context.Context, *stage, *config.Etcd) error) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		e, err := s.etcd(ctx)
		if errors.Is(err, errNoEtcd) {
			fmt.Fprintf(s.report.out, "skip %s: %v\n", name, err) //nolint:errcheck // standard output
			return nil
		}
		if err != nil {
			return err
		}
		return run(ctx, s, e)
	}
}

// etcd starts three members, each a process of its own on the same disk, and waits until they are well. It gives what a node's file says of them.
func (s *stage) etcd(ctx context.Context) (*config.Etcd, error) {
	program, err := testkit.BuildEtcd(filepath.Join(s.root, ".build"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoEtcd, err)
	}
	at := func(member, port int) string {
		return fmt.Sprintf("http://127.0.0.1:%d", s.base+etcdPorts+3*member+port)
	}
	out := &config.Etcd{Prefix: "concord/NYDC", DialTimeout: 5 * time.Second, RequestTimeout: 10 * time.Second}
	var all []string
	for i := range etcdMembers {
		all, out.Endpoints = append(all, fmt.Sprintf("m%d=%s", i, at(i, 1))), append(out.Endpoints, at(i, 0))
	}
	for i := range etcdMembers {
		_, err := s.start(fmt.Sprint("etcd", i), program, fmt.Sprint("--name=m", i), "--data-dir="+filepath.Join(s.dir, fmt.Sprint("etcd", i)),
			"--initial-cluster="+strings.Join(all, ","), "--initial-cluster-state=new", "--listen-peer-urls="+at(i, 1), "--initial-advertise-peer-urls="+at(i, 1),
			"--listen-client-urls="+at(i, 0), "--advertise-client-urls="+at(i, 0), "--listen-metrics-urls="+at(i, 2), "--log-level=warn")
		if err != nil {
			return nil, err
		}
	}
	for i := range etcdMembers {
		if err := until(ctx, etcdLimit, func(ctx context.Context) error { return healthy(ctx, at(i, 2)) }); err != nil {
			return nil, fmt.Errorf("member %d of etcd: %w", i, err)
		}
	}
	return out, nil
}

func healthy(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", res.Status)
	}
	return nil
}

// moved is a stopped data center on Badger with all that it has on etcd too, as `concord store migrate` moves it: a copy of its data directory, at the
// addresses of another one that was laid out.
func (s *stage) moved(ctx context.Context, from, at config.DevDataCenter, e *config.Etcd) (config.DevDataCenter, error) {
	n, err := config.Load(from.ConfigFile)
	if err != nil {
		return at, err
	}
	to, err := s.onEtcd(at, e, from.ClusterID, n.NodeName)
	if err != nil {
		return at, err
	}
	dir := filepath.Dir(to.TokenFile)
	if err := os.RemoveAll(dir); err != nil {
		return at, fmt.Errorf("empty data directory: %w", err)
	}
	if text, err := exec.CommandContext(ctx, "cp", "-a", "--sparse=always", n.DataDir, dir).CombinedOutput(); err != nil {
		return at, fmt.Errorf("copy %s: %w\n%s", n.DataDir, err, text)
	}
	if text, err := exec.CommandContext(ctx, s.concord(), "store", "migrate", "--from", "badger:"+dir, "--to", to.ConfigFile).CombinedOutput(); err != nil {
		return at, fmt.Errorf("concord store migrate: %w\n%s", err, text)
	}
	return to, nil
}

// another lays out one more node of a data center on etcd, which has run before.
func (s *stage) another(of, at config.DevDataCenter, e *config.Etcd, name string) (config.DevDataCenter, error) {
	to, err := s.onEtcd(at, e, of.ClusterID, name)
	if err != nil {
		return to, err
	}
	key, err := os.ReadFile(filepath.Join(filepath.Dir(of.TokenFile), "node.key"))
	if err != nil {
		return to, fmt.Errorf("read node key: %w", err)
	}
	dir := filepath.Dir(to.TokenFile)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "node.key"), key, 0o600)); err != nil {
		return to, fmt.Errorf("copy node key: %w", err)
	}
	return to, nil
}

// onEtcd writes the file of a node at the addresses that were laid out for another data center.
func (s *stage) onEtcd(at config.DevDataCenter, e *config.Etcd, clusterID, nodeName string) (config.DevDataCenter, error) {
	n, err := config.Load(at.ConfigFile)
	if err != nil {
		return at, err
	}
	n.ClusterID, n.NodeName, n.Etcd = clusterID, nodeName, e
	at.ClusterID = clusterID
	return at, config.WriteNode(at.ConfigFile, n)
}

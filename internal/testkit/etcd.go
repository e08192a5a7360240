package testkit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

// BuildEtcd makes the program etcd of the release in tools/etcd/go.mod, and leaves it in dir.
func BuildEtcd(dir string) (program string, err error) {
	return buildTool(filepath.Join(dir, "etcd"), "go.etcd.io/etcd/server/v3")
}

// BuildEtcdutl likewise makes etcdutl, which works on the files of members that do not run.
func BuildEtcdutl(dir string) (program string, err error) {
	return buildTool(filepath.Join(dir, "etcdutl"), "go.etcd.io/etcd/etcdutl/v3")
}

func buildTool(program, source string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-modfile="+filepath.Join(root, "tools", "etcd", "go.mod"), "-o", program, source) //nolint:gosec // words of our own
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", source, err, out)
	}
	return program, nil
}

// Etcd is a cluster of real members on this machine, each a process of its own.
type Etcd struct {
	Members []*EtcdMember
	flags   []string
	t       testing.TB
}

// EtcdMember is one of them. Its data outlives its process.
type EtcdMember struct {
	Address string // host:port for clients

	name, peer, dir string
	metrics         string // host:port of /health, without TLS
	cluster         *Etcd
	program         string
	cmd             *exec.Cmd
	done            chan struct{}
}

// EtcdOptions say how members serve their clients. The zero value is plain HTTP.
type EtcdOptions struct {
	CertFile, KeyFile, ClientCAFile string // the last one makes members want a certificate of it
	Flags                           []string
}

// NewEtcd starts n members and waits until they have a leader.
func NewEtcd(t testing.TB, program string, n int, o EtcdOptions) *Etcd {
	t.Helper()
	c := &Etcd{t: t, flags: o.Flags}
	scheme := "http"
	if o.CertFile != "" {
		scheme = "https"
		c.flags = append(c.flags, "--cert-file="+o.CertFile, "--key-file="+o.KeyFile)
	}
	if o.ClientCAFile != "" {
		c.flags = append(c.flags, "--trusted-ca-file="+o.ClientCAFile, "--client-cert-auth")
	}
	var all []string
	for i := range n {
		m := &EtcdMember{name: fmt.Sprint("m", i), Address: freeAddress(t), peer: "http://" + freeAddress(t), metrics: freeAddress(t), dir: t.TempDir(), cluster: c, program: program}
		c.Members, all = append(c.Members, m), append(all, m.name+"="+m.peer)
	}
	for _, m := range c.Members {
		c.flags = c.flags[:len(c.flags):len(c.flags)]
		m.start(append(c.flags, "--name="+m.name, "--data-dir="+m.dir, "--initial-cluster="+strings.Join(all, ","), "--initial-cluster-state=new",
			"--listen-peer-urls="+m.peer, "--initial-advertise-peer-urls="+m.peer, "--listen-client-urls="+scheme+"://"+m.Address,
			"--advertise-client-urls="+scheme+"://"+m.Address, "--listen-metrics-urls=http://"+m.metrics, "--log-level=warn"))
	}
	t.Cleanup(func() {
		for _, m := range c.Members {
			m.Kill()
		}
	})
	for _, m := range c.Members {
		m.AwaitHealthy()
	}
	return c
}

// Well says whether every member has a leader and answers, now.
func (c *Etcd) Well() bool {
	for _, m := range c.Members {
		if m.healthy() != nil {
			return false
		}
	}
	return true
}

// Endpoints are the members' URLs for clients.
func (c *Etcd) Endpoints() (out []string) {
	scheme := "http://"
	for _, f := range c.flags {
		if strings.HasPrefix(f, "--cert-file=") {
			scheme = "https://"
		}
	}
	for _, m := range c.Members {
		out = append(out, scheme+m.Address)
	}
	return out
}

func (m *EtcdMember) start(flags []string) {
	m.cluster.t.Helper()
	m.cmd = exec.Command(m.program, flags...) //nolint:gosec // a program that the test built
	m.run()
}

func (m *EtcdMember) run() {
	m.cluster.t.Helper()
	log, err := os.OpenFile(m.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.cluster.t.Fatal(err)
	}
	defer log.Close() // the child has its own handle
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.Env = []string{"ETCD_UNSUPPORTED_ARCH=" + os.Getenv("ETCD_UNSUPPORTED_ARCH"), "HOME=" + m.dir}
	if err := m.cmd.Start(); err != nil {
		m.cluster.t.Fatalf("start etcd: %v", err)
	}
	done := make(chan struct{})
	m.done = done
	go func(cmd *exec.Cmd) { // joined through done
		defer close(done)
		_ = cmd.Wait()
	}(m.cmd)
}

func (m *EtcdMember) log() string { return m.dir + ".log" }

// Restore kills all members, puts a snapshot in the place of their data as docs/etcd.md says, and starts them.
func (c *Etcd) Restore(etcdutl, snapshot string) {
	c.t.Helper()
	var all []string
	for _, m := range c.Members {
		m.Kill()
		all = append(all, m.name+"="+m.peer)
	}
	for _, m := range c.Members {
		if err := os.Rename(m.dir, m.dir+".old"); err != nil {
			c.t.Fatal(err)
		}
		cmd := exec.Command(etcdutl, "snapshot", "restore", snapshot, "--data-dir="+m.dir, "--name="+m.name, "--initial-cluster="+strings.Join(all, ","), "--initial-advertise-peer-urls="+m.peer) //nolint:gosec // words of our own
		if out, err := cmd.CombinedOutput(); err != nil {
			c.t.Fatalf("restore: %v\n%s", err, out)
		}
		m.Start()
	}
	for _, m := range c.Members {
		m.AwaitHealthy()
	}
}

// Start runs a member again that was killed, with its data.
func (m *EtcdMember) Start() {
	m.cluster.t.Helper()
	m.cmd = exec.Command(m.cmd.Path, m.cmd.Args[1:]...) //nolint:gosec // as before
	m.run()
}

// Kill is kill -9, and waits for the end; a second call does nothing.
func (m *EtcdMember) Kill() {
	if m.cmd == nil || m.cmd.Process == nil {
		return
	}
	_ = m.cmd.Process.Kill() // it may have ended by itself
	<-m.done
}

// Pause stops the process as it is; its connections stay open.
func (m *EtcdMember) Pause() { m.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (m *EtcdMember) Resume() { m.signal(syscall.SIGCONT) }

func (m *EtcdMember) signal(s syscall.Signal) {
	m.cluster.t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		m.cluster.t.Fatal(err)
	}
}

var errUnhealthy = errors.New("not healthy yet")

// AwaitHealthy waits until the member has a leader and answers.
func (m *EtcdMember) AwaitHealthy() {
	m.cluster.t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for m.healthy() != nil {
		select {
		case <-m.done:
			m.cluster.t.Fatalf("etcd has ended; its log:\n%s", m.readLog())
		case <-late:
			m.cluster.t.Fatalf("etcd does not become healthy; its log:\n%s", m.readLog())
		case <-tick.C:
		}
	}
}

func (m *EtcdMember) healthy() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.metrics+"/health", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errUnhealthy
	}
	return nil
}

func (m *EtcdMember) readLog() string {
	b, err := os.ReadFile(m.log())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Block is what a node's file says about the cluster.
func (c *Etcd) Block(prefix string) *config.Etcd {
	return &config.Etcd{Endpoints: c.Endpoints(), Prefix: prefix, DialTimeout: 5 * time.Second, RequestTimeout: 10 * time.Second} // a busy machine
}

// UseEtcd keeps the process's data center there from its next start on; nil = in Badger again. The file is written anew.
func (p *Process) UseEtcd(e *config.Etcd) {
	p.t.Helper()
	p.cfg.Etcd = e
	if err := config.WriteNode(p.ConfigFile, p.cfg); err != nil {
		p.t.Fatal(err)
	}
}

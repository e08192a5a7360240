package testkit

import (
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

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

// Build makes the server program and leaves it in dir.
func Build(dir string) (program string, err error) { return build(filepath.Join(dir, "concord")) }

// BuildFragile makes the program that has failpoints (internal/failpoint), and leaves it in dir.
func BuildFragile(dir string) (program string, err error) {
	tags := "failpoints"
	for _, flag := range strings.Fields(os.Getenv("GOFLAGS")) {
		if given, ok := strings.CutPrefix(flag, "-tags="); ok {
			tags = given + "," + tags // -tags on the command line replaces the ones of GOFLAGS
		}
	}
	return build(filepath.Join(dir, "concord-fragile"), "-tags="+tags)
}

func build(program string, flags ...string) (string, error) {
	args := append(append([]string{"build"}, flags...), "-o", program, "github.com/concord-access/terraform-provider-concord/server")
	out, err := exec.Command("go", args...).CombinedOutput() //nolint:gosec // words of our own and the caller's GOFLAGS
	if err != nil {
		return "", fmt.Errorf("build concord: %w\n%s", err, out)
	}
	return program, nil
}

// Process is a data center as a program of its own.
type Process struct {
	DataCenter
	ConfigFile string
	Program    string   // what the next Launch runs
	Env        []string // what it finds in its environment besides ours

	log  string // file of what it wrote to standard error, over all starts
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// NewProcess lays out a data center on free ports and starts nothing.
func NewProcess(t testing.TB, program, clusterID string) *Process {
	t.Helper()
	return NewProcessIn(t, program, clusterID, filepath.Join(t.TempDir(), "data"))
}

// NewProcessIn is NewProcess with a data directory of the caller's choice.
func NewProcessIn(t testing.TB, program, clusterID, dataDir string) *Process {
	t.Helper()
	dir := t.TempDir()
	cfg := config.Defaults()
	cfg.ClusterID, cfg.NodeName, cfg.DataDir = clusterID, strings.ToLower(clusterID)+"1", dataDir
	cfg.Log.Format = config.FormatText
	for _, l := range []*config.Listener{&cfg.Admin, &cfg.Runtime, &cfg.Peer} {
		l.Address = freeAddress(t)
		l.Advertise = l.Address
	}
	p := &Process{DataCenter: DataCenter{ClusterID: clusterID, DataDir: cfg.DataDir, Endpoint: "https://" + cfg.Admin.Address,
		RuntimeURL: "https://" + cfg.Runtime.Address, PeerAddress: cfg.Peer.Address, t: t, cfg: cfg},
		Program: program, ConfigFile: filepath.Join(dir, "concord.hcl"), log: filepath.Join(dir, "log")}
	if err := config.WriteNode(p.ConfigFile, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", clusterID, p.Log())
		}
	})
	return p
}

// NewNode is another node of p's data center, with the node key of p, which has been started before. Both have to be on etcd.
func NewNode(t testing.TB, p *Process, name string) *Process {
	t.Helper()
	n := NewProcess(t, p.Program, p.ClusterID)
	n.cfg.NodeName, n.cfg.Etcd = name, p.cfg.Etcd
	key, err := os.ReadFile(filepath.Join(p.DataDir, "node.key"))
	if err == nil {
		err = os.MkdirAll(n.DataDir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(n.DataDir, "node.key"), key, 0o600)
	}
	if err == nil {
		err = config.WriteNode(n.ConfigFile, n.cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// StartProcesses runs one data center for each cluster id, unlinked and standalone.
func StartProcesses(t testing.TB, program string, clusterIDs ...string) (out []*Process) {
	t.Helper()
	for _, id := range clusterIDs {
		p := NewProcess(t, program, id)
		p.Launch()
		out = append(out, p)
	}
	for _, p := range out {
		p.WaitReady()
	}
	return out
}

// Lives sets the life of the node's own certificates from its next start on.
func (p *Process) Lives(ttl time.Duration) {
	p.t.Helper()
	p.cfg.LeafTTL = ttl
	if err := config.WriteNode(p.ConfigFile, p.cfg); err != nil {
		p.t.Fatal(err)
	}
}

// Start runs the program and waits until it is ready.
func (p *Process) Start() {
	p.t.Helper()
	p.Launch()
	p.WaitReady()
}

// Launch runs the program and does not wait.
func (p *Process) Launch() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()                                                   // the child has its own handle
	p.cmd = exec.Command(p.Program, "server", "--config", p.ConfigFile) //nolint:gosec // a program that the test built
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env = append(os.Environ(), p.Env...)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.ClusterID, err)
	}
	done := make(chan struct{})
	p.done = done
	go func(cmd *exec.Cmd) { // joined through done
		defer close(done)
		_ = cmd.Wait()
	}(p.cmd)
}

// WaitReady waits until the data center answers that it is ready.
func (p *Process) WaitReady() {
	p.t.Helper()
	p.Within(patience, "the first start leaves its credentials", func() bool {
		select {
		case <-p.done:
			p.t.Fatalf("%s has ended; its log:\n%s", p.ClusterID, p.Log())
		default:
		}
		_, err := os.Stat(p.cfg.TokenFile())
		return err == nil
	})
	p.credentials()
	p.waitReady()
}

// Ready says whether the data center answers that it is ready, now.
func (p *Process) Ready() bool {
	p.t.Helper()
	if _, err := os.Stat(p.cfg.TokenFile()); err != nil {
		return false
	}
	p.credentials()
	_, err := p.Do(client.Request{Method: http.MethodGet, Path: "/v1/ready", Timeout: 2 * time.Second})
	return err == nil
}

// Kill is kill -9, and waits for the end; a second call does nothing.
func (p *Process) Kill() {
	if p.cmd == nil || p.cmd.Process == nil { // it never started
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
	p.cmd = nil
}

// Signal sends a signal. After SIGSTOP it waits until the program stands still, which takes a moment.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("signal %s: %v", p.ClusterID, err)
	}
	if s == syscall.SIGSTOP {
		p.Within(patience, "stands still", p.stopped)
	}
}

// stopped reads the state of every thread; true where the system does not tell.
func (p *Process) stopped() bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err != nil {
			return false // a thread that ends just now
		}
		if _, state, ok := strings.Cut(string(b), ") "); ok && !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// Exit waits for the program's end and gives its exit code.
func (p *Process) Exit() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s does not end; its log:\n%s", p.ClusterID, p.Log())
	}
	return p.cmd.ProcessState.ExitCode()
}

// Ended is closed when the program has ended, by itself or not.
func (p *Process) Ended() <-chan struct{} { return p.done }

// Log is everything that the program has written.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	return string(b)
}

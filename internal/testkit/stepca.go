package testkit

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/ca/catest"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

// stepTags build step-ca beside our own programs from the same compiled packages: theirs, but with the one database that it
// needs, and without the two key stores that want libraries of the system.
const stepTags = "nobadger,nomysql,nopgx,nopkcs11,noyubikey"

// BuildStepCA makes the program step-ca of the release that the server links (tools/step-ca/go.mod), and leaves it in dir.
func BuildStepCA(dir string) (program string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	program = filepath.Join(dir, "step-ca")
	cmd := exec.Command("go", "build", "-modfile="+filepath.Join(root, "tools", "step-ca", "go.mod"), "-tags="+stepTags, "-o", program, //nolint:gosec // words of our own
		"github.com/smallstep/certificates/cmd/step-ca")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build step-ca: %w\n%s", err, out)
	}
	return program, nil
}

// BuildStepPeer makes the program that connects as step's own client does (tools/step-ca/peer), and leaves it in dir.
func BuildStepPeer(dir string) (program string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	program = filepath.Join(dir, "step-peer")
	cmd := exec.Command("go", "build", "-tags="+stepTags, "-o", program, "./peer") //nolint:gosec // words of our own
	cmd.Dir = filepath.Join(root, "tools", "step-ca")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build step's client: %w\n%s", err, out)
	}
	return program, nil
}

// moduleRoot is the folder of go.mod, above wherever a test runs.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("find module: no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// StepCA is a real step-ca on a port of its own.
type StepCA struct {
	*catest.Layout
	Address string // host:port
	Program string

	t    testing.TB
	log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// StepOptions say what a StepCA allows.
type StepOptions = catest.Options

// NewStepCA lays out a step-ca on a free port and starts nothing. o.Address is chosen here.
func NewStepCA(t testing.TB, program string, o StepOptions) *StepCA {
	t.Helper()
	o.Address = freeAddress(t)
	l, err := catest.Write(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := &StepCA{Layout: l, Address: o.Address, Program: program, t: t, log: filepath.Join(l.Dir, "log")}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("log of step-ca:\n%s", s.Log())
		}
	})
	return s
}

// URL is where it answers.
func (s *StepCA) URL() string { return "https://" + s.Address }

// Block is what a node's file says about it.
func (s *StepCA) Block() *config.ExternalCA {
	return &config.ExternalCA{URL: s.URL(), Fingerprint: s.Fingerprint, Provisioner: catest.Provisioner, PasswordFile: s.PasswordFile, KeyFile: s.KeyFile}
}

// Start runs it and waits until it takes connections.
func (s *StepCA) Start() {
	s.t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()                                                                         // the child has its own handle
	s.cmd = exec.Command(s.Program, s.Config, "--password-file", s.CAPassword)                //nolint:gosec // a program that the test built
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.Env = log, log, append(os.Environ(), "STEPPATH="+s.Dir) // keeps it out of the home directory
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start step-ca: %v", err)
	}
	done := make(chan struct{})
	s.done = done
	go func(cmd *exec.Cmd) { // joined through done
		defer close(done)
		_ = cmd.Wait()
	}(s.cmd)
	s.listening()
}

func (s *StepCA) listening() {
	s.t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.DialTimeout("tcp", s.Address, time.Second); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-s.done:
			s.t.Fatalf("step-ca has ended; its log:\n%s", s.Log())
		case <-late:
			s.t.Fatalf("step-ca does not listen; its log:\n%s", s.Log())
		case <-tick.C:
		}
	}
}

// Kill is kill -9, and waits for the end; a second call does nothing.
func (s *StepCA) Kill() {
	if s.cmd == nil || s.cmd.Process == nil { // it never started
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.done
	s.cmd = nil
}

// Log is everything that it has written.
func (s *StepCA) Log() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// UseStepCA lets s issue for the process from its next start on, certificates of that life.
func (p *Process) UseStepCA(s *StepCA, ttl time.Duration) {
	p.t.Helper()
	p.cfg.ExternalCA, p.cfg.LeafTTL = s.Block(), ttl
	if err := config.WriteNode(p.ConfigFile, p.cfg); err != nil {
		p.t.Fatal(err)
	}
}

// Listens says whether the runtime listener takes connections, whatever it says then.
func (p *Process) Listens() bool {
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(p.RuntimeURL, "https://"), time.Second)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

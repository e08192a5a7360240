package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// powerLoss takes the power away under eight writers: what the disk holds at that moment, without anything that the system
// still kept in memory, is what the next start finds (FLT-02).
func powerLoss(s *stage) {
	disk := newDisk(s, "2G")
	p := testkit.NewProcessIn(s, s.program(), "NYDC", filepath.Join(disk.mount, "data"))
	p.Start()
	l := newLedger(s)
	for range s.runs {
		disk.cut(l, p)
		p.Start()
		l.check(&p.DataCenter)
	}
	s.Logf("%d changes were acknowledged", l.total.Load())
}

// powerLossUnsynced is the control: a build that syncs nothing must lose what it acknowledged, or refuse to start over it,
// in every image. If it does not, powerLoss proves nothing.
func powerLossUnsynced(s *stage) {
	for range s.runs {
		disk := newDisk(s, "2G")
		p := testkit.NewProcessIn(s, s.fragile(), "NYDC", filepath.Join(disk.mount, "data"))
		p.Env = []string{failpoint.WithoutVariable + "=" + failpoint.NoSync}
		p.Start()
		must(s, "sync", "--file-system", disk.mount) // so that it can start again at all
		l := newLedger(s)
		disk.cut(l, p)
		if s.starts(p) && !lost(l, p) {
			s.Errorf("a build without syncs lost nothing of %d acknowledged changes: this test cannot see a loss", l.total.Load())
			continue
		}
		s.count++
		p.Kill()
		disk.drop()
	}
}

// lost says whether an acknowledged change is missing.
func lost(l *ledger, p *testkit.Process) bool {
	has := l.groups(&p.DataCenter)
	for pair, n := range l.acked {
		if has[halves(pair)[0]] < n {
			return true
		}
	}
	return false
}

// starts says whether the program becomes ready; it has ended when it does not.
func (s *stage) starts(p *testkit.Process) bool {
	s.Helper()
	p.Launch()
	ready := false
	p.Within(testkit.Limit*2, "is ready or ends", func() bool {
		select {
		case <-p.Ended():
			return true
		default:
		}
		ready = p.Ready()
		return ready
	})
	return ready
}

// disk is a file system in a file.
type disk struct {
	s            *stage
	image, mount string
}

// mountOptions keep the file system from writing by itself every five seconds, which would help whoever forgets to sync, and
// change the image while it is copied.
const mountOptions = "loop,commit=600"

func newDisk(s *stage, size string) *disk {
	s.Helper()
	dir := s.TempDir()
	d := &disk{s, filepath.Join(dir, "image"), filepath.Join(dir, "mount")}
	s.needs(os.Geteuid() == 0, "mounting a file system takes root")
	for _, tool := range []string{"mkfs.ext4", "e2fsck", "mount", "umount"} {
		_, err := exec.LookPath(tool)
		s.needs(err == nil, tool+" is missing")
	}
	if err := os.Mkdir(d.mount, 0o700); err != nil {
		s.Fatal(err)
	}
	must(s, "truncate", "--size="+size, d.image)
	must(s, "mkfs.ext4", "-q", "-F", d.image)
	out, err := exec.Command("mount", "-o", mountOptions, d.image, d.mount).CombinedOutput()
	s.needs(err == nil, "no loop device: "+strings.TrimSpace(string(out)))
	s.Cleanup(d.drop)
	return d
}

// drop unmounts; a second call does nothing.
func (d *disk) drop() {
	if d.mount == "" {
		return
	}
	if out, err := exec.Command("umount", d.mount).CombinedOutput(); err != nil {
		d.s.Errorf("unmount: %v: %s", err, out)
	}
	d.mount = ""
}

// cut writes for a while, freezes the server, keeps the image as it is, and puts the image in the place of the disk.
func (d *disk) cut(l *ledger, p *testkit.Process) {
	s := d.s
	s.Helper()
	stop := l.write(&p.DataCenter, 8, false)
	s.let(between(200*time.Millisecond, 800*time.Millisecond))
	p.Signal(syscall.SIGSTOP)
	must(s, "cp", "--sparse=always", d.image, d.image+".cut")
	p.Kill()
	stop()
	must(s, "umount", d.mount)
	if err := os.Rename(d.image+".cut", d.image); err != nil {
		s.Fatal(err)
	}
	if out, err := exec.Command("e2fsck", "-p", d.image).CombinedOutput(); err != nil { // 1: it mended something, as after every power loss
		if code := exitCode(err); code != 1 {
			s.Fatalf("e2fsck: %v: %s", err, out)
		}
	}
	must(s, "mount", "-o", mountOptions, d.image, d.mount)
}

func must(s *stage, name string, args ...string) {
	s.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil { //nolint:gosec // fixed words and our own paths
		s.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

func exitCode(err error) int {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Run gives it as it is
		return exit.ExitCode()
	}
	return -1
}

package main

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// fullDisk fills the disk under a server, to the last byte, while eight writers are at work: changes are refused with
// storage_full, requests are decided on, and when there is space again changes are accepted without a restart. Nothing that was
// acknowledged is lost. Every other run has a file system in memory, the others a disk (FLT-04).
func fullDisk(s *stage) {
	for i := range s.runs {
		mount := ""
		if i%2 == 0 {
			mount = memoryDisk(s, "600m")
		} else {
			mount = newDisk(s, "600M").mount
		}
		fill(s, mount)
	}
}

func fill(s *stage, mount string) {
	s.Helper()
	p := testkit.NewProcessIn(s, s.program(), "NYDC", filepath.Join(mount, "data"))
	p.Start()
	defer p.Kill() // before the disk is unmounted
	p.User("ann")
	app := p.Application("desk", "https://desk.example")
	browser := testkit.NewBrowser(s, &p.DataCenter)
	if v := browser.Open(app, "ann", testkit.Password); v.User != "ann" {
		s.Fatalf("ann cannot sign in: %+v", v)
	}
	l := newLedger(s)
	stop := l.write(&p.DataCenter, 8, true)
	ballast := filepath.Join(mount, "ballast")
	occupy(s, ballast)
	var full error
	p.Within(testkit.Limit, "changes are refused", func() bool { full = put(&p.DataCenter, "late"); return full != nil })
	if api, ok := errors.AsType[*client.APIError](full); !ok || api.Status != http.StatusServiceUnavailable || fault.CodeOf(full) != "storage_full" {
		s.broke("a change on a full disk: %v", full)
	}
	for range 50 {
		if v := browser.Open(app, "", ""); v.User != "ann" || v.Asked {
			s.broke("on a full disk a request is answered with %+v", v)
		}
		_ = p.View()
	}
	if p.Ready() {
		s.broke("a node whose disk is full says that it is ready")
	}
	select {
	case <-p.Ended():
		s.broke("the full disk ended the server:\n%s", clip(p.Log()))
	default:
	}
	if err := os.Remove(ballast); err != nil {
		s.Fatal(err)
	}
	p.Within(testkit.Limit, "changes are accepted again", func() bool { return put(&p.DataCenter, "late") == nil })
	stop()
	l.check(&p.DataCenter)
	p.Kill()
	p.Start()
	l.check(&p.DataCenter)
}

// occupy writes a file until nothing is free.
func occupy(s *stage, path string) {
	s.Helper()
	f, err := os.Create(path)
	if err != nil {
		s.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	for err == nil {
		_, err = f.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		s.Fatal(err)
	}
	_ = f.Close() // a full disk may say so once more
}

// memoryDisk is a file system in memory.
func memoryDisk(s *stage, size string) string {
	s.Helper()
	s.needs(os.Geteuid() == 0, "mounting a file system takes root")
	dir := s.TempDir()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput() //nolint:gosec // our own words
	s.needs(err == nil, "no file system in memory: "+strings.TrimSpace(string(out)))
	s.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil { //nolint:gosec // as above
			s.Errorf("unmount: %v: %s", err, out)
		}
	})
	return dir
}

// oldBackup puts a copy of some changes before in the place of a master's data. Its clone, which has more, does not follow it
// back: it stops, says why, and goes on only when somebody accepts the older state (FLT-08).
func oldBackup(s *stage) {
	all := testkit.StartProcesses(s, s.program(), "NYDC", "LDC")
	master, clone := all[0], all[1]
	id := testkit.Link(&master.DataCenter, &clone.DataCenter)[0]
	for range s.runs {
		l := newLedger(s)
		l.seen = master.View().LastSequence
		replicates(s, l, master, clone)
		copied := filepath.Join(s.TempDir(), "backup")
		master.Kill()
		duplicate(s, master.DataDir, copied)
		master.Start()
		replicates(s, l, master, clone)
		had := clone.View()
		master.Kill()
		remove(s, master.DataDir)
		duplicate(s, copied, master.DataDir)
		master.Start()
		var st wire.ReplicationStatus
		clone.Within(testkit.Limit, "the clone stops", func() bool {
			clone.Get("/v1/replication/status", &st)
			return len(st.Agreements) == 1 && st.Agreements[0].State == "stopped"
		})
		if why := st.Agreements[0].Reason; !strings.Contains(why, "backup") || st.Healthy {
			s.broke("the clone of a restored master says %+v", st)
		}
		if now := clone.View(); now.Digest != had.Digest || now.LastSequence != had.LastSequence {
			s.broke("the clone followed its master back from %d to %d", had.LastSequence, now.LastSequence)
		}
		l.objects(&clone.DataCenter)
		for _, enabled := range []bool{false, true} { // the older state is accepted
			change := client.Request{Method: http.MethodPatch, Path: client.Path("v1", "replication", "agreements", id), In: wire.AgreementChange{Enabled: &enabled}}
			if _, err := master.Do(change); err != nil {
				s.Fatalf("change the agreement: %v", err)
			}
		}
		testkit.InStep(&master.DataCenter, &clone.DataCenter)
	}
}

package main

import (
	"os/exec"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

// What a kept demo leaves for a shell: variables that it reads as they are, and a script that ends every process.
func TestWhatAKeptDemoLeaves(t *testing.T) {
	dir := t.TempDir()
	center := func(id string) *center {
		return &center{DevDataCenter: config.DevDataCenter{ClusterID: id}, gate: id + ":1"}
	}
	l := &layout{dir: dir, master: center("NYDC"), clone: center("LDC"), passwords: map[string]string{"alice": `it's "$HOME"`}}
	file, err := l.writeEnv()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `. "$1"; printf %s "$TF_VAR_passwords"`, "sh", file).Output()
	if want := `{"alice":"it's \"$HOME\""}`; err != nil || string(out) != want {
		t.Errorf("a shell reads %s, want %s; %v", out, want, err)
	}
	p := &processes{dir: dir}
	defer p.stopAll()
	for _, seconds := range []string{"601", "602"} {
		if _, err := p.start(seconds, "sleep", seconds); err != nil {
			t.Fatal(err)
		}
	}
	script, err := p.stopScript(dir)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", script).CombinedOutput(); err != nil {
		t.Fatalf("stop: %v %s", err, out)
	}
	for _, proc := range p.all {
		<-proc.done
	}
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// process is one program that the demo started.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended
}

// processes are all of them.
type processes struct {
	dir string // of the logs
	all []*process
}

// start runs a program with its output in a log of its name; a second start under a name appends.
func (p *processes) start(name, program string, args ...string) (*process, error) {
	proc := &process{name: name, log: filepath.Join(p.dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(proc.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", name, err)
	}
	defer log.Close() // the child has its own handle
	proc.cmd = exec.Command(program, args...)
	proc.cmd.Stdout, proc.cmd.Stderr = log, log
	detach(proc.cmd)
	if err := proc.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { // joined through done by stop and kill
		defer close(proc.done)
		_ = proc.cmd.Wait()
	}()
	p.all = append(p.all, proc)
	return proc, nil
}

// ended gives an error when the process is no longer there, so that nobody waits for the answer of a dead program.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s has ended (%s); its log: %s", p.name, p.cmd.ProcessState, lastLines(p.log, 5))
	default:
		return nil
	}
}

// kill is kill -9: nothing is flushed, nothing is told.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// stopAll asks all to stop, the last one first, and kills what does not within ten seconds.
func (p *processes) stopAll() {
	for _, proc := range slices.Backward(p.all) {
		_ = proc.cmd.Process.Signal(syscall.SIGTERM)
	}
	late := time.After(10 * time.Second)
	for _, proc := range p.all {
		select {
		case <-proc.done:
		case <-late:
			_ = proc.kill()
		}
	}
}

// stopHead tells processes that are still the demo's to stop, and waits until each is gone, so that its port is free afterwards.
// All are told before one is waited for. What has ended and is not yet collected has no arguments any more and counts as gone.
const stopHead = `ours() { case "$(ps -o args= -p "$1" 2>/dev/null)" in *"$2"*) ;; *) return 1 ;; esac; }
tell() { ours "$1" "$2" && kill "$1" 2>/dev/null; return 0; }
gone() {
  n=0
  while ours "$1" "$2" && [ $n -lt 150 ]; do sleep 0.1; n=$((n + 1)); done
  ours "$1" "$2" && kill -9 "$1"
  return 0
}
`

// stopScript writes what ends a demo that was kept.
func (p *processes) stopScript(dir string) (string, error) {
	var b strings.Builder
	b.WriteString(stopHead)
	for _, verb := range []string{"tell", "gone"} {
		for _, proc := range slices.Backward(p.all) {
			if proc.ended() == nil { // what it was last told tells it from a later process with the same number
				fmt.Fprintf(&b, "%s %d %q\n", verb, proc.cmd.Process.Pid, proc.cmd.Args[len(proc.cmd.Args)-1])
			}
		}
	}
	file := filepath.Join(dir, "stop")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return "", fmt.Errorf("write %s: %w", file, err)
	}
	return file, nil
}

// tails prints the end of each log.
func (p *processes) tails(w io.Writer, lines int) {
	shown := map[string]bool{}
	for _, proc := range p.all {
		if !shown[proc.log] {
			shown[proc.log] = true
			fmt.Fprintf(w, "--- last lines of %s\n%s\n", proc.log, lastLines(proc.log, lines)) //nolint:errcheck // standard output
		}
	}
}

func lastLines(file string, n int) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

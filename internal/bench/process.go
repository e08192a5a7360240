package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one program that a benchmark started.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended
}

// start runs a program with its output in a log of its name; a second start under a name appends.
func (s *stage) start(name, program string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(s.dir, name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", name, err)
	}
	defer log.Close() // the child has its own handle
	p.cmd = exec.Command(program, args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { // joined through done by stop
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	s.processes = append(s.processes, p)
	return p, nil
}

// ended gives an error when the process is no longer there, so that nobody waits for the answer of a dead program.
func (p *process) ended() error {
	select {
	case <-p.done:
		text, _ := os.ReadFile(p.log)
		return fmt.Errorf("%s has ended (%s): %s", p.name, p.cmd.ProcessState, text[max(0, len(text)-500):])
	default:
		return nil
	}
}

// stop asks a process to end and kills it when it does not within ten seconds.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	return nil
}

// stopAll ends whatever still runs, the last one first.
func (s *stage) stopAll() {
	for _, p := range slices.Backward(s.processes) {
		_ = p.stop()
	}
}

// clockTick is the unit of CPU times in /proc; Linux fixes it for programs.
const clockTick = 10 * time.Millisecond

// cpu is the processor time that a process has taken, in user and kernel mode, to the tick.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "stat"))
	if err != nil {
		return 0, fmt.Errorf("read CPU time of %s (this benchmark needs Linux): %w", p.name, err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // the name before it may hold anything
	if len(fields) < 13 {
		return 0, fmt.Errorf("read CPU time of %s: %d fields", p.name, len(fields))
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	kernel, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+kernel) * clockTick, errors.Join(err1, err2)
}

// peak is the most memory that a process has had resident so far, in MiB, with the files that it maps.
func (p *process) peak() (float64, error) {
	bytes, err := p.memory("VmHWM:")
	return bytes / (1 << 20), err
}

// resident is the memory that a process has resident now, in bytes, without the files that it maps.
func (p *process) resident() (float64, error) { return p.memory("RssAnon:") }

// most watches what resident gives; the answer ends that and is the most that was seen, in MiB. The files that a process maps are
// left out: the system takes their pages back when it needs them.
func (p *process) most() func() (float64, error) {
	stop, seen := make(chan struct{}), make(chan float64, 1)
	var failed error
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		most := 0.0
		for {
			select {
			case <-stop:
				seen <- most / (1 << 20)
				return
			case <-tick.C:
				bytes, err := p.resident()
				most, failed = max(most, bytes), errors.Join(failed, err)
			}
		}
	}()
	return func() (float64, error) {
		close(stop)
		return <-seen, failed
	}
}

func (p *process) memory(field string) (float64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	if err != nil {
		return 0, fmt.Errorf("read memory of %s (this benchmark needs Linux): %w", p.name, err)
	}
	_, rest, _ := strings.Cut(string(text), field)
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0, fmt.Errorf("read memory of %s: %w", p.name, err)
	}
	return kib * 1024, nil
}

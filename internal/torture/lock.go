package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// holderVariable makes this program the holder of a lock: its value is the endpoint; token and root come behind it, each on a
// line of their own.
const holderVariable = "CONCORD_TORTURE_HOLDER"

const lockTime = time.Second

// pausedHolder stops the holder of a lock for longer than the lock lasts, gives the lock to another one who writes, and lets the
// first go on: its write is refused with stale_lock, and the second one's stands (FLT-20).
func pausedHolder(s *stage) {
	p := testkit.StartProcesses(s, s.program(), "NYDC")[0]
	for i := range s.runs {
		p.Put("/v1/groups/shared", wire.Group{Name: "shared", Description: "before"})
		h := hold(s, p)
		h.expect(s, "taken")
		h.stop(s)
		second := wire.LockView{}
		p.Within(testkit.Limit, "the second one gets the lock", func() bool {
			_, err := p.Do(client.Request{Method: http.MethodPut, Path: "/v1/locks/group/shared", In: wire.LockRequest{Owner: "second", Timeout: "1m"}, Out: &second})
			return err == nil
		})
		want := fmt.Sprint("second ", i)
		if err := locked(s.Context(), p.Admin(), second.FencingNumber, want); err != nil {
			s.broke("the second holder is refused: %v", err)
		}
		h.goOn(s)
		h.expect(s, "stale_lock 409")
		var g wire.GroupView
		if p.Get("/v1/groups/shared", &g); g.Description != want {
			s.broke("the group holds %q, the last holder of the lock wrote %q", g.Description, want)
		}
		h.end(s)
		p.Delete("/v1/locks/group/shared?force=true")
	}
}

func locked(ctx context.Context, api *client.Client, number uint64, text string) error {
	_, err := api.Do(ctx, client.Request{Method: http.MethodPut, Path: "/v1/groups/shared", In: wire.Group{Name: "shared", Description: text},
		Header: http.Header{wire.HeaderLock: {strconv.FormatUint(number, 10)}}})
	return err
}

// holder is this program in the role of a lock's holder.
type holder struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func hold(s *stage, p *testkit.Process) *holder {
	s.Helper()
	h := &holder{cmd: exec.CommandContext(s.Context(), os.Args[0])} //nolint:gosec // ourselves
	h.cmd.Env = append(os.Environ(), holderVariable+"="+strings.Join([]string{p.Endpoint, p.Token, p.CACertPEM}, "\n"))
	h.cmd.Stderr = os.Stderr
	var err error
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		s.Fatal(err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	h.out = bufio.NewScanner(out)
	if err := h.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	return h
}

func (h *holder) expect(s *stage, word string) {
	s.Helper()
	if !h.out.Scan() || h.out.Text() != word {
		s.broke("the first holder says %q, want %q", h.out.Text(), word)
	}
}

func (h *holder) stop(s *stage) {
	if err := h.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		s.Fatal(err)
	}
}

// goOn tells the holder to write as soon as it runs again.
func (h *holder) goOn(s *stage) {
	if _, err := io.WriteString(h.in, "write\n"); err != nil {
		s.Fatal(err)
	}
	if err := h.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		s.Fatal(err)
	}
}

func (h *holder) end(s *stage) {
	_ = h.in.Close()
	if err := h.cmd.Wait(); err != nil {
		s.Errorf("the holder: %v", err)
	}
}

// beHolder takes the lock, says so, waits for a line, writes with the number that it has, and says how that went.
func beHolder(ctx context.Context, where string, in io.Reader, out io.Writer) error {
	parts := strings.SplitN(where, "\n", 3)
	if len(parts) != 3 {
		return errors.New("a holder needs endpoint, token and root")
	}
	trust, err := client.TLSFromPEM(parts[2], "", "")
	if err != nil {
		return err
	}
	api, err := client.New(client.Config{Endpoint: parts[0], Token: parts[1], TLS: trust, MaxRetries: -1})
	if err != nil {
		return err
	}
	defer api.Close()
	var lock wire.LockView
	if _, err := api.Do(ctx, client.Request{Method: http.MethodPut, Path: "/v1/locks/group/shared", In: wire.LockRequest{Owner: "first", Timeout: lockTime.String()}, Out: &lock}); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "taken")
	if lines := bufio.NewScanner(in); !lines.Scan() {
		return lines.Err()
	}
	err = locked(ctx, api, lock.FencingNumber, "first, too late")
	status := 0
	if refused, ok := errors.AsType[*client.APIError](err); ok {
		status = refused.Status
	}
	_, _ = fmt.Fprintln(out, fault.CodeOf(err), status)
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	signInRounds   = 7
	signInTurn     = 2 * time.Second
	signInCallers  = 8
	signInPassword = "a password of the bench alone"
)

// signIn measures sign-ins with a password, each durable when it is answered, beside argon2id alone with the same parameters on every
// core.
func signIn(ctx context.Context, s *stage) error {
	dcs, err := s.layOut(ctx, "NYDC", 1)
	if err != nil {
		return err
	}
	_, a, err := s.server(ctx, dcs[0], dcs[0].ConfigFile)
	if err != nil {
		return err
	}
	sign, err := newSigning(ctx, a)
	if err != nil {
		return err
	}
	defer sign.close()
	var all []pair
	for range signInRounds {
		ours, err1 := inParallel(ctx, signInCallers, signInTurn, sign.in)
		floor, err2 := inParallel(ctx, runtime.GOMAXPROCS(0), signInTurn, func(int) error { hashPassword(); return nil })
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		all = append(all, pair{ours, floor})
	}
	s.report.add(judge("sign-in", "1/s", all, goal{true, 0.95}))
	return nil
}

// hashPassword is the least that a sign-in takes: argon2id as server/identity makes it.
func hashPassword() {
	argon2.IDKey([]byte(signInPassword), []byte("sixteen bytes..."), 2, 19<<10, 1, 32)
}

// signing is callers who sign in with a password at a data center, each a user over a kept connection.
type signing struct {
	conns    []*connection
	requests [][]byte
}

// newSigning makes the users too.
func newSigning(ctx context.Context, a *admin) (*signing, error) {
	s, host := &signing{}, hostOf(a.center.RuntimeURL)
	for i := range signInCallers {
		if err := a.put(ctx, wire.User{Name: userName(i), Password: signInPassword}, "users", userName(i)); err != nil {
			return s, err
		}
		body, err := json.Marshal(wire.AuthenticateRequest{User: userName(i), Password: signInPassword})
		if err != nil {
			return s, fmt.Errorf("encode request: %w", err)
		}
		c, err := connect(ctx, host, a.tls, 5*time.Minute)
		if err != nil {
			return s, err
		}
		s.conns = append(s.conns, c)
		s.requests = append(s.requests, fmt.Appendf(nil, "POST /session/v1/authenticate HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body))
	}
	return s, nil
}

func (s *signing) in(caller int) error {
	status, err := s.conns[caller].exchange(s.requests[caller])
	if err == nil && status != 200 {
		err = fmt.Errorf("sign in: answered %d %s", status, s.conns[caller].body)
	}
	return err
}

func (s *signing) close() {
	for _, c := range s.conns {
		c.close()
	}
}

// inParallel lets callers act for a time, and says how often all of them did in a second.
func inParallel(ctx context.Context, callers int, d time.Duration, act func(caller int) error) (perSecond float64, err error) {
	var count atomic.Int64
	var g errgroup.Group
	begin := time.Now()
	end := begin.Add(d)
	for i := range callers {
		g.Go(func() error {
			for time.Now().Before(end) && ctx.Err() == nil {
				if err := act(i); err != nil {
					return err
				}
				count.Add(1)
			}
			return ctx.Err()
		})
	}
	err = g.Wait()
	return float64(count.Load()) / time.Since(begin).Seconds(), err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/store/etcd"
)

// signInEtcd measures sign-ins with a password at a node on three members of etcd. What any program would need for one is argon2id and one put of the same
// bytes, so that is the floor. Of both the password takes nearly all; so a part measures the sessions without it: how many the engine
// makes durable for 64 callers, beside bare puts of 64 callers.
func signInEtcd(ctx context.Context, s *stage, e *config.Etcd) error {
	dcs, err := s.layOut(ctx, "NYDC,LDC", 2)
	if err != nil {
		return err
	}
	keys, _, err := s.server(ctx, dcs[1], dcs[1].ConfigFile) // makes cookie keys
	if err != nil {
		return err
	}
	if err := keys.stop(); err != nil {
		return err
	}
	if _, err = s.onEtcd(dcs[0], e, dcs[0].ClusterID, "nydc1"); err != nil {
		return err
	}
	p, a, err := s.server(ctx, dcs[0], dcs[0].ConfigFile)
	if err != nil {
		return err
	}
	sign, err := newSigning(ctx, a)
	if err != nil {
		return err
	}
	defer sign.close()
	m, err := openMakerEtcd(ctx, dcs[1], e)
	if err != nil {
		return err
	}
	defer m.close() //nolint:errcheck // what it wrote is thrown away
	floor, err := newPuts(ctx, m, e)
	if err != nil {
		return err
	}
	defer floor.close()
	var passwords, sessions []pair
	for range signInRounds {
		ours, err1 := inParallel(ctx, signInCallers, signInTurn, sign.in)
		bare, err2 := inParallel(ctx, signInCallers, signInTurn, func(int) error { hashPassword(); return floor.put(ctx) })
		passwords = append(passwords, pair{ours, bare})
		ours, err3 := inParallel(ctx, createCallers, createTurn, func(i int) error { return m.signInOnly(ctx, i) })
		bare, err4 := inParallel(ctx, createCallers, createTurn, func(int) error { return floor.put(ctx) })
		sessions = append(sessions, pair{ours, bare})
		if err := errors.Join(err1, err2, err3, err4, p.ended()); err != nil {
			return err
		}
	}
	s.report.add(judge("sign-in-etcd", "1/s", passwords, goal{true, 0.8}), judge("sign-in-etcd/sessions", "1/s", sessions, goal{true, 0.8}))
	return nil
}

// openMakerEtcd makes sessions under a prefix of its own, with the cookie keys of a data center on Badger that does not run: nobody asks for them.
func openMakerEtcd(ctx context.Context, dc config.DevDataCenter, e *config.Etcd) (m *maker, err error) {
	of, err := openMaker(ctx, dc)
	if err != nil {
		return nil, err
	}
	m = &maker{ring: of.ring}
	if err := of.close(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	for space, to := range map[string]*closing{"state": &m.state, "sessions": &m.sessions} {
		opened, err := etcd.Open(ctx, etcd.Config{Endpoints: e.Endpoints, Prefix: "bench", Space: space, Owner: "bench"})
		if err != nil {
			return m, err
		}
		*to = opened
	}
	return m, m.start(dc)
}

// puts is a floor: a record of a session's size under a new key, each a request of its own.
type puts struct {
	client *clientv3.Client
	record string
	count  atomic.Int64
}

func newPuts(ctx context.Context, m *maker, e *config.Etcd) (*puts, error) {
	f, err := m.signIn(ctx, 0)
	if err != nil {
		return nil, err
	}
	record, err := sessionBytes(f)
	if err != nil {
		return nil, err
	}
	c, err := clientv3.New(clientv3.Config{Endpoints: e.Endpoints, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("connect to etcd: %w", err)
	}
	return &puts{client: c, record: string(record)}, nil
}

func (p *puts) put(ctx context.Context) error {
	_, err := p.client.Put(ctx, "floor/"+strconv.FormatInt(p.count.Add(1), 10), p.record)
	return err
}

func (p *puts) close() { _ = p.client.Close() }

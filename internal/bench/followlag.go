package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	lagRounds  = 9
	lagChanges = 40 // a round
	lagLimit   = 10 * time.Second
)

// followLag measures how long after its acknowledgement by the master a change is durable and can be read on the clone.
// The end is the receipt of the first answer of the clone that has it, so one read over TLS is part of ours and not of
// the floor.
func followLag(ctx context.Context, s *stage) error {
	master, clone, err := s.linked(ctx)
	if err != nil {
		return err
	}
	f, err := s.hopAndSync(ctx)
	if err != nil {
		return err
	}
	defer f.close()
	l, err := newLag(ctx, master, clone)
	if err != nil {
		return err
	}
	defer l.close()
	var p50, tail []pair
	var all []float64
	for range lagRounds {
		ours, floor, err := l.round(ctx, f)
		if err != nil {
			return err
		}
		all = append(all, ours...)
		p50 = append(p50, pair{quantile(ours, 0.5), quantile(floor, 0.5)})
	}
	tail = append(tail, pair{quantile(all, 0.99), quantile(all, 0.5)})
	s.report.add(judge("follow-lag", "ms", p50, goal{false, 2.5}), judge("follow-lag/p99-to-p50", "ms", tail, goal{false, 10}))
	return nil
}

// linked starts two data centers and makes the second follow the first.
func (s *stage) linked(ctx context.Context) (master, clone *admin, err error) {
	dcs, err := s.layOut(ctx, "NYDC,LDC", 2)
	if err != nil {
		return nil, nil, err
	}
	if _, master, err = s.server(ctx, dcs[0], dcs[0].ConfigFile); err != nil {
		return nil, nil, err
	}
	if _, clone, err = s.server(ctx, dcs[1], dcs[1].ConfigFile); err != nil {
		return nil, nil, err
	}
	if err := errors.Join(introduce(ctx, master, "master"), join(ctx, master, clone, hostOf(master.center.PeerURL))); err != nil {
		return nil, nil, err
	}
	return master, clone, follow(ctx, master, clone)
}

// join makes a fresh data center a clone that knows the master by an address, and the master know it.
func join(ctx context.Context, master, clone *admin, address string) error {
	return errors.Join(introduce(ctx, clone, "clone"), acquaint(ctx, master, clone, hostOf(clone.center.PeerURL)), acquaint(ctx, clone, master, address))
}

// follow makes the agreement. It returns when the first copy is in force.
func follow(ctx context.Context, master, clone *admin) error {
	var v wire.AgreementView
	_, err := master.client.Do(ctx, client.Request{Method: "POST", Path: "/v1/replication/agreements",
		In: wire.Agreement{Name: "bench-" + strings.ToLower(clone.center.ClusterID), Source: master.center.ClusterID, Target: clone.center.ClusterID}, Out: &v})
	if err == nil && v.State != "ready" {
		err = fmt.Errorf("the agreement is %s", v.State)
	}
	return err
}

func introduce(ctx context.Context, a *admin, role string) error {
	return errors.Join(a.put(ctx, wire.DataCenter{ClusterID: a.center.ClusterID, Role: role, SecurityMode: "cert"}, "data-center"),
		a.put(ctx, wire.PartnerProfile{AgentID: "of-" + strings.ToLower(a.center.ClusterID), AllowManagement: true}, "partner-profile"))
}

// acquaint makes a know b by an address.
func acquaint(ctx context.Context, a, b *admin, address string) error {
	id := b.center.ClusterID
	root, err := os.ReadFile(b.center.CACertFile)
	if err != nil {
		return fmt.Errorf("read the root of %s: %w", id, err)
	}
	return errors.Join(a.put(ctx, wire.TrustedCertificate{Name: "roots", CertificatePEM: string(root), Partner: id}, "trust", "certificates", "roots"),
		a.put(ctx, wire.Partner{ClusterID: id, AgentID: "of-" + strings.ToLower(id), Primary: []string{address}, SecurityMode: "cert"}, "partners", id))
}

// lag is an administrator who writes at the master and a reader at the clone.
type lag struct {
	write, read   *connection
	master, clone *admin
	count         int
}

func newLag(ctx context.Context, master, clone *admin) (*lag, error) {
	w, err := connect(ctx, hostOf(master.center.AdminURL), master.tls, 5*time.Minute)
	if err != nil {
		return nil, err
	}
	r, err := connect(ctx, hostOf(clone.center.AdminURL), clone.tls, 5*time.Minute)
	if err != nil {
		w.close()
		return nil, err
	}
	return &lag{write: w, read: r, master: master, clone: clone}, nil
}

func (l *lag) close() {
	l.write.close()
	l.read.close()
}

// round makes changes one by one, each followed by the floor; both in milliseconds.
func (l *lag) round(ctx context.Context, f *hopAndSync) (ours, floor []float64, err error) {
	for range lagChanges {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		o, err := l.one()
		if err != nil {
			return nil, nil, err
		}
		below, err := f.one()
		if err != nil {
			return nil, nil, err
		}
		ours, floor = append(ours, milliseconds(o)), append(floor, milliseconds(below))
	}
	return ours, floor, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// one changes a group and reads it at the clone until the change is there.
func (l *lag) one() (time.Duration, error) {
	l.count++
	mark := fmt.Sprintf("change %d of the bench", l.count)
	body := fmt.Sprintf(`{"name":"moving","description":%q}`, mark)
	put := fmt.Sprintf("PUT /v1/groups/moving HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		hostOf(l.master.center.AdminURL), l.master.token, len(body), body)
	get := fmt.Appendf(nil, "GET /v1/groups/moving HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", hostOf(l.clone.center.AdminURL), l.clone.token)
	status, err := l.write.exchange([]byte(put))
	if err != nil || status < 200 || status > 299 {
		return 0, fmt.Errorf("change at the master: status %d %s: %w", status, l.write.body, err)
	}
	acknowledged := time.Now()
	for time.Since(acknowledged) < lagLimit {
		if _, err := l.read.exchange(get); err != nil {
			return 0, fmt.Errorf("read at the clone: %w", err)
		}
		if bytes.Contains(l.read.body, []byte(`"`+mark+`"`)) {
			return time.Since(acknowledged), nil
		}
	}
	return 0, fmt.Errorf("%q was not at the clone after %s: %s", mark, lagLimit, l.read.body)
}

// hopAndSync is the floor: an answer of a bare server over a warm, mutually authenticated connection, then as many bytes
// appended to a file and made durable.
type hopAndSync struct {
	conn    *connection
	address string
	creds   *credentials
	file    *os.File
	request []byte
	record  []byte
}

func (s *stage) hopAndSync(ctx context.Context) (*hopAndSync, error) {
	creds, err := newCredentials(s.dir)
	if err != nil {
		return nil, err
	}
	record := bytes.Repeat([]byte("x"), 400) // as long as a journal record of a group
	_, address, err := s.floor(ctx, "floor", floorOrder{TLS: true, CertFile: creds.certFile, KeyFile: creds.keyFile, ClientCA: creds.rootFile, Require: true, Body: record})
	if err != nil {
		return nil, err
	}
	f := &hopAndSync{address: address, creds: creds, record: record, request: []byte("POST " + authorizePath + " HTTP/1.1\r\nHost: floor\r\nContent-Length: 0\r\n\r\n")}
	if f.conn, err = f.reconnect(ctx, address); err != nil {
		return nil, err
	}
	if f.file, err = os.Create(filepath.Join(s.dir, "synced")); err != nil {
		f.conn.close()
		return nil, fmt.Errorf("make file: %w", err)
	}
	return f, nil
}

// reconnect gives another connection, by whatever way leads to the floor.
func (f *hopAndSync) reconnect(ctx context.Context, address string) (*connection, error) {
	if f.conn != nil {
		f.conn.close()
	}
	return connect(ctx, address, &tls.Config{RootCAs: f.creds.pool, Certificates: []tls.Certificate{f.creds.leaf}, MinVersion: tls.VersionTLS12}, 5*time.Minute)
}

func (f *hopAndSync) close() {
	f.conn.close()
	_ = f.file.Close()
}

func (f *hopAndSync) one() (time.Duration, error) {
	begin := time.Now()
	if err := f.hop(); err != nil {
		return 0, err
	}
	if _, err := f.file.Write(f.record); err != nil {
		return 0, fmt.Errorf("append: %w", err)
	}
	if err := syncData(f.file); err != nil {
		return 0, fmt.Errorf("sync: %w", err)
	}
	return time.Since(begin), nil
}

// hop is the first half alone.
func (f *hopAndSync) hop() error {
	status, err := f.conn.exchange(f.request)
	if err == nil && status != 200 {
		err = fmt.Errorf("status %d", status)
	}
	if err != nil {
		return fmt.Errorf("hop: %w", err)
	}
	return nil
}

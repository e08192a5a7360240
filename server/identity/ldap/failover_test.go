package ldap_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/identity/ldap"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// TestFailover: the servers are asked in their order; one that is down is left alone for a while and asked again after it;
// with none left the answer is that the directory is down, at once and not that a password is wrong.
func TestFailover(t *testing.T) {
	people := testkit.DirectoryPerson("ada")
	first, second := testkit.Slapd(t, people), testkit.Slapd(t, people)
	set := settings(first)
	set.URLs, set.CACertificatePEM = []string{first.SecureURL, second.SecureURL}, first.CACertPEM+second.CACertPEM
	store, dials := open(t, set)
	signs := func() bool {
		t.Helper()
		p, refused, err := store.Check(t.Context(), "ada", right)
		if err != nil && fault.CodeOf(err) != ldap.CodeDown || refused != "" {
			t.Fatalf("%q, %v", refused, err)
		}
		return p.Name == "ada"
	}
	if !signs() || dials.Load() != 2 { // one that searches and one that binds
		t.Fatalf("%d connections", dials.Load())
	}
	if !signs() || dials.Load() != 2 {
		t.Errorf("connections are not used again: %d", dials.Load())
	}
	first.Kill()
	for range 20 {
		if !signs() {
			t.Fatal("the second server is not asked")
		}
	}
	if n := dials.Load(); n > 12 { // two to the second, and few that found out that the first is down
		t.Errorf("the server that is down is asked at every turn: %d connections", n)
	}
	second.Kill()
	for range 20 {
		if signs() {
			t.Fatal("who is down answered")
		}
	}
	if n := dials.Load(); n > 30 {
		t.Errorf("servers that are down are asked at every turn: %d connections", n)
	}
	first.Start()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	testkit.Eventually(ctx, t, "the first server is asked again", signs)
}

// TestKilledUnderLoad: while a directory is killed and comes back, again and again, nobody with the right password is told that
// it is wrong, nobody with a wrong one gets in, no call hangs, and afterwards everybody gets in again.
func TestKilledUnderLoad(t *testing.T) {
	d := testkit.Slapd(t, testkit.DirectoryPerson("ada"))
	set := settings(d)
	set.PoolSize = 4
	store, _ := open(t, set)
	var in, down atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for n := range 12 {
		all.Go(func() {
			password := []string{right, "wrong"}[n%2]
			for ctx.Err() == nil {
				p, refused, err := store.Check(t.Context(), "ada", password)
				switch {
				case fault.CodeOf(err) == ldap.CodeDown:
					down.Add(1)
				case err != nil, (refused == "") != (password == right), (p.Name == "ada") != (password == right):
					t.Errorf("%q: %+v, %q, %v", password, p, refused, err)
					return
				case refused == "":
					in.Add(1)
				}
			}
		})
	}
	patience, end := context.WithTimeout(t.Context(), 60*time.Second)
	defer end()
	for range 3 {
		was := in.Load()
		testkit.Eventually(patience, t, "people sign in", func() bool { return in.Load() > was+20 })
		d.Kill()
		was = down.Load()
		testkit.Eventually(patience, t, "it is noticed", func() bool { return down.Load() > was+20 })
		d.Start()
	}
	was := in.Load()
	testkit.Eventually(patience, t, "people sign in again", func() bool { return in.Load() > was+20 })
	cancel()
	all.Wait()
}

// TestSlowAndHostileServers: a server that says nothing, never stops talking or talks nonsense costs a bounded time and memory;
// the next server answers.
func TestSlowAndHostileServers(t *testing.T) {
	d := testkit.Slapd(t, testkit.DirectoryPerson("ada"))
	for name, talk := range map[string]func(net.Conn){
		"silent":   func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"nonsense": func(c net.Conn) { _, _ = c.Write(bytes.Repeat([]byte("HTTP/1.1 400\r\n"), 100)) },
		"endless": func(c net.Conn) { // one message that claims a length of 2 GiB
			_, _ = c.Write([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01, 0x01, 0x04, 0x84, 0x7f, 0xff, 0xff, 0x00})
			for b := make([]byte, 1<<16); ; {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			set := settings(d)
			set.URLs = []string{"ldap://" + answering(t, talk), d.SecureURL}
			set.ConnectTimeout, set.RequestTimeout = mdc.Duration(200*time.Millisecond), mdc.Duration(5*time.Second)
			store, _ := open(t, set)
			if p, refused, err := store.Check(t.Context(), "ada", right); err != nil || refused != "" || p.Name != "ada" {
				t.Errorf("%+v, %q, %v", p, refused, err)
			}
		})
	}
}

// TestCallerGoesAway: the end of a request ends what it asks of the directory.
func TestCallerGoesAway(t *testing.T) {
	heard := make(chan struct{})
	address := answering(t, func(c net.Conn) {
		close(heard)
		_, _ = io.Copy(io.Discard, c)
	})
	s, _ := mdc.IdentityStoreKind().New().(*mdc.IdentityStore)
	s.Name, s.URLs, s.UserSearchBase = "corp", []string{"ldap://" + address}, "dc=example"
	s.RequestTimeout = mdc.Duration(mdc.MaxDirectoryTimeout)
	store, _ := open(t, *s)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // joined: Check ends by it
		<-heard
		cancel()
	}()
	if _, refused, err := store.Check(ctx, "ada", right); err == nil || refused != "" {
		t.Errorf("%q, %v", refused, err)
	}
}

// answering listens and lets talk have each connection.
func answering(t *testing.T, talk func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close() //nolint:errcheck // the other end sees it
				talk(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // it is over
		all.Wait()
	})
	return l.Addr().String()
}

package client_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
)

// OAM-13: a connection is used again until it has its age, and no longer; what it carries then is finished.
func TestConnectionsAreReplacedWithAge(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	release, entered := make(chan struct{}), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-release
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	for age, want := range map[time.Duration]int64{time.Hour: 1, time.Nanosecond: 5} {
		opened.Store(0)
		c, err := client.New(client.Config{Endpoint: s.URL, MaxAge: age})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/"}); err != nil {
				t.Fatal(err)
			}
		}
		if got := opened.Load(); got != want {
			t.Errorf("age %s: %d connections, want %d", age, got, want)
		}
		c.Close()
	}
	c, err := client.New(client.Config{Endpoint: s.URL, MaxAge: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	done := make(chan error, 1)
	go func() {
		_, err := c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/slow"})
		done <- err
	}()
	<-entered
	if _, err := c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/"}); err != nil {
		t.Error(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("what was under way: %v", err)
	}
}

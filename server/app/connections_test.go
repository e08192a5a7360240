package app_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/app"
)

// TestOneAddressTakesHalf: whoever opens connections and says nothing gets half of a listener at most; more are closed at
// once, and one that ends makes room for the next (SEC-64).
func TestOneAddressTakesHalf(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := app.Bounded(inner, 4)
	accepted, done := make(chan net.Conn, 8), make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	dial()
	dial()
	first, second := <-accepted, <-accepted
	third := dial()
	_ = third.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := third.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the third connection of one address: %v, want it closed", err)
	}
	_ = first.Close()
	dial()
	fourth := <-accepted // there is room again
	_, _ = second.Close(), fourth.Close()
	_ = l.Close()
	<-done
}

package httpapi_test

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
)

// slowLine is both ends of a connection over which some bytes arrive every now and then.
type slowLine struct {
	*httptest.ResponseRecorder
	deadline time.Time
	every    time.Duration
	each     int
	left     int // bytes of the body
}

// SetReadDeadline ends a read that waits longer.
func (l *slowLine) SetReadDeadline(at time.Time) error {
	l.deadline = at
	return nil
}

// SetWriteDeadline is nothing to this test.
func (l *slowLine) SetWriteDeadline(time.Time) error { return nil }

// Read waits for the next bytes.
func (l *slowLine) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	wait := time.Until(l.deadline)
	late := wait < l.every
	<-time.After(min(wait, l.every))
	if late {
		return 0, os.ErrDeadlineExceeded
	}
	n := min(l.each, l.left, len(p))
	l.left -= n
	return n, nil
}

// Close ends the body.
func (l *slowLine) Close() error { return nil }

// TestDrippingUploadsAreCutOff: a body that goes on only so that it does not end keeps its place for half a minute, a slow one
// arrives whole (SEC-63, SEC-64).
func TestDrippingUploadsAreCutOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line  slowLine
		whole bool
		most  time.Duration
	}{
		"a byte each 20 s":       {slowLine{every: 20 * time.Second, each: 1, left: 1000}, false, 31 * time.Second},
		"enough, then a rest":    {slowLine{every: 20 * time.Second, each: 70 << 10, left: 140<<10 + 5}, true, 2 * time.Minute},
		"just below":             {slowLine{every: time.Second, each: 2 << 10, left: 1 << 20}, false, 31 * time.Second},
		"20 kB/s for an hour":    {slowLine{every: time.Second, each: 20 << 10, left: 72 << 20}, true, 2 * time.Hour},
		"little, but all of it":  {slowLine{every: 20 * time.Second, each: 10, left: 10}, true, 31 * time.Second},
		"nothing at all arrives": {slowLine{every: time.Hour, each: 1, left: 1}, false, 31 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c.line.ResponseRecorder = httptest.NewRecorder()
				began, want, got := time.Now(), c.line.left, bytes.Buffer{}
				_, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{httpapi.Upload(&c.line, &c.line)}, make([]byte, 256<<10))
				if took := time.Since(began); took > c.most {
					t.Errorf("it took %v", took)
				}
				if c.whole && (err != nil || got.Len() != want) {
					t.Errorf("%d of %d bytes, %v", got.Len(), want, err)
				}
				if !c.whole && (fault.CodeOf(err) != "body_too_slow" || !errors.Is(err, os.ErrDeadlineExceeded)) {
					t.Errorf("%d of %d bytes, %v; want it cut off", got.Len(), want, err)
				}
			})
		})
	}
}

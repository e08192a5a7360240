package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/app"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// TestAFullNodeGivesNoNewGuesses: a node that answers that it has no room is not passed over, since the next one would count from nothing: the check is
// refused. One that does not answer is passed over (SEC-30, FLT-29).
func TestAFullNodeGivesNoNewGuesses(t *testing.T) {
	s, err := badger.Open(badger.Config{Dir: t.TempDir(), MinFree: -1, MemTableBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for name, c := range map[string]struct {
		status          int
		granted, passed bool
	}{
		"no room":       {http.StatusServiceUnavailable, false, false},
		"asks too much": {http.StatusTooManyRequests, false, false},
		"hangs up":      {0, true, true},
		"out of order":  {http.StatusInternalServerError, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.Header().Set("Content-Type", wire.ProblemType)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, `{"code":"overloaded","status":503}`)
			}))
			defer other.Close()
			asks, err := client.New(client.Config{Endpoint: other.URL, MaxRetries: -1})
			if err != nil {
				t.Fatal(err)
			}
			granted, passed, err := app.TakeBeside(t.Context(), s, asks)
			if err != nil || granted != c.granted || passed != c.passed {
				t.Errorf("granted %v, passed over %v, %v", granted, passed, err)
			}
		})
	}
}

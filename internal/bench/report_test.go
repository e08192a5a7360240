package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := &report{out: &out}
	fast := judge("x", "requests/s", []pair{{90, 100}, {50, 100}, {3000, 1000}}, goal{true, 0.9})
	slow := judge("x/part", "ms", []pair{{3, 1}, {0.5, 0.1}}, goal{false, 2.5})
	r.add(fast, slow)
	want := "bench x/part ours 1.7500 floor 0.5500 ratio 4.00 goal <=2.50 short\nbench x ours 90.00 floor 100.00 ratio 0.90 goal >=0.90 short\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	out.Reset()
	r.add(fast)
	if !strings.HasSuffix(out.String(), " ok\n") {
		t.Errorf("without a part that is short: %s", out.String())
	}
	out.Reset()
	r.note(judge("peer/x", "ms", []pair{{3, 2}}, goal{}))
	r.note(judge("nothing", "ms", []pair{{3, 0}}, goal{})) // JSON has no infinity
	if want := "note peer/x ours 3.0000 beside 2.0000 ratio 1.50\nnote nothing ours 3.0000 beside 0.0000 ratio 0.00\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	file := filepath.Join(t.TempDir(), "bench.json")
	if err := r.write(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var back struct{ Figures []figure }
	if err := json.Unmarshal(text, &back); err != nil || len(back.Figures) != 5 || back.Figures[0] != slow {
		t.Errorf("bench.json: %v, %+v", err, back)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	values := []int64{9, 1, 2, 3, 4, 5, 6, 7, 8, 10}
	for q, want := range map[float64]int64{0: 1, 0.5: 6, 0.99: 10, 1: 10} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %v: got %d, want %d", q, got, want)
		}
	}
	if got := quantile([]int64{}, 0.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
	if got := median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("median of four: %v", got)
	}
}

// A kept connection reads one answer after another, and a wrong one is an error and no sample.
func TestConnection(t *testing.T) {
	t.Parallel()
	answers := []string{allowed + `,"reason":"local"}`, `{"decision":"deny"}`}
	next := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(answers[next]))
		next++
	}))
	t.Cleanup(server.Close)
	c, err := connect(t.Context(), hostOf(server.URL), nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	request, err := authorizeRequest(hostOf(server.URL), "c1.NYDC.x")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		status, err := c.exchange(request)
		if err != nil || string(c.body) != answers[i] {
			t.Fatalf("answer %d: %d %q, %v", i, status, c.body, err)
		}
		if got := expect(status, c.body) == nil; got != want {
			t.Errorf("answer %d counts: %v", i, got)
		}
	}
}

func TestUntilTellsTheLastReason(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := until(ctx, time.Minute, func(context.Context) error {
		cancel()
		return os.ErrNotExist
	})
	if err == nil || !strings.Contains(err.Error(), os.ErrNotExist.Error()) {
		t.Errorf("got %v", err)
	}
}

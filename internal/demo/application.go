package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// seen is what the application answers: what reached it of who asks.
type seen struct {
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"` // those that start with X-Concord-
	Cookies int               `json:"cookies"` // Concord's own cookies that came through; there should be none
}

// serveApplication is an application that knows nothing of signing in: it shows the headers it was given.
func serveApplication(address string) error {
	s := &http.Server{Addr: address, ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := seen{Path: r.URL.Path, Headers: map[string]string{}}
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Concord-") {
				answer.Headers[name] = r.Header.Get(name)
			}
		}
		for _, c := range r.Cookies() {
			if strings.Contains(c.Name, "concord") {
				answer.Cookies++
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})}
	return fmt.Errorf("serve application: %w", s.ListenAndServe())
}

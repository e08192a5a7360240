// Command embedded-agent is a web program that is its own Concord agent: no gate stands before it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/concord-access/terraform-provider-concord/agent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("stopped", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	secret, err := os.ReadFile("agent.secret")
	if err != nil {
		return err
	}
	a, err := agent.New(agent.Config{
		ClusterID: "NYDC",
		Name:      "web-nydc", // a concord_agent
		Secret:    agent.Secret(strings.TrimSpace(string(secret))),
		Servers:   []agent.Server{{Node: "ny1", URL: "https://ny1.example.com:7401"}},
		CAFile:    "roots.pem",
		Logger:    slog.Default(),
	})
	if err != nil {
		return err
	}
	defer a.Close()
	server := &http.Server{Addr: ":8443", Handler: protected(a), ReadHeaderTimeout: 10 * time.Second}
	running := make(chan error, 1)
	go func() { running <- a.Run(ctx) }() // asks how the agent is registered, and tries servers that failed
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServeTLS("web.pem", "web.key"); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-running
}

// protected is the program behind Concord: only allowed requests reach it.
func protected(a *agent.Agent) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", hello)
	return a.Protect(mux)
}

func hello(w http.ResponseWriter, r *http.Request) {
	if who, ok := agent.IdentityOf(r.Context()); ok {
		fmt.Fprintf(w, "Hello, %s of %s.\n", who.User, strings.Join(who.Groups, ", "))
		return
	}
	fmt.Fprintln(w, "Hello. This page is public.")
}

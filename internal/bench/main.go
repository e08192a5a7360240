package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// overall bounds the whole run, whatever hangs.
const overall = 20 * time.Minute

// benchmarks in the order they run.
func benchmarks() []benchmark {
	return []benchmark{{"authorize", authorize}, {"authorize-full", authorizeFull}, {"authorize-sessions-slope", authorizeSlope}, {"sign-in", signIn}, {"create-session", createSession}, {"authorize-etcd", withEtcd("authorize-etcd", authorizeEtcd)}, {"sign-in-etcd", withEtcd("sign-in-etcd", signInEtcd)}, {"nodes-watch", withEtcd("nodes-watch", nodes)},
		{"adopt", adopt}, {"memory-per-session", memoryPerSession}, {"cold-start", coldStart}, {"recovery", recovery}, {"follow-lag", followLag}, {"follow-lag-far", followFar}, {"live-10k", live10k}, {"catch-up-10k", catchUp10k},
		{"bootstrap-10k", bootstrap10k}, {"bootstrap-slope", bootstrapSlope}, {"bootstrap-memory", bootstrapMemory}, {"issue-certificate", issueCertificate}, {"mtls-handshake", mtlsHandshake}, {"decide-policies-slope", decideSlope}, {"apply-1000", apply1000}, {"apply-collection-1000", applyCollection1000}, {"peer-openldap", peerOpenLDAP}}
}

type benchmark struct {
	name string
	run  func(context.Context, *stage) error
}

func main() {
	if len(os.Args) > 2 {
		exit(part(os.Args[1], os.Args[2:]))
	}
	exit(run())
}

// part is what a run starts of itself.
func part(name string, args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case name == "floor" && len(args) == 1:
		return serveFloor(args[0])
	case name == "server" && len(args) == 1:
		return serveProfiled(args[0])
	case name == "open":
		return serveOpen(ctx, args[0], args[1:])
	case name == "write" && len(args) == 3:
		count, err := strconv.Atoi(args[2])
		if err != nil {
			return fmt.Errorf("read count: %w", err)
		}
		return serveWriters(ctx, args[0], args[1], count)
	}
	return fmt.Errorf("there is no part %q with %d arguments", name, len(args))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, overall)
	defer cancel()
	base, err := basePort()
	if err != nil {
		return err
	}
	wanted, ran := os.Getenv("BENCH"), 0
	r := &report{out: os.Stdout}
	for _, b := range benchmarks() {
		if wanted != "" && wanted != b.name {
			continue
		}
		ran++
		if err := runOne(ctx, b, r, base); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	if ran == 0 {
		return fmt.Errorf("there is no benchmark %q", wanted)
	}
	return r.write("bench.json")
}

// runOne gives each benchmark a folder and ports of its own, and stops whatever it started.
func runOne(ctx context.Context, b benchmark, r *report, base int) error {
	s, err := newStage(b.name, r, base)
	if err != nil {
		return err
	}
	defer s.stopAll()
	return b.run(ctx, s)
}

func basePort() (int, error) {
	text := os.Getenv("BASE_PORT")
	if text == "" {
		return 7600, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1024 || n > 65000 {
		return 0, fmt.Errorf("BASE_PORT %q is no port between 1024 and 65000", text)
	}
	return n, nil
}

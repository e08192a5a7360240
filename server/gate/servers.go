package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Back-off of a server that failed: doubled with each failed trial.
const (
	firstBackOff = time.Second
	lastBackOff  = 30 * time.Second
)

// servers is the list of Concord servers with what is known of each (CAMS-05 to CAMS-08).
type servers struct {
	primaries, secondaries []*server
	timeout                time.Duration // of one attempt
	next                   atomic.Uint64 // round robin for requests without a cookie
	seed                   maphash.Seed
	clock                  clock.Clock
	logger                 *slog.Logger
}

// server is one Concord server.
type server struct {
	node    string
	cluster string // "" = any: a secondary's data center is not the gate's
	client  *client.Client

	mu       sync.Mutex // guards the rest
	failures int        // in a row; 0 = in use
	retryAt  time.Time  // not asked before it
	trial    bool       // one request is trying it now
}

// newServers makes the list; identity is the certificate that the gate shows, nil when it shows its secret.
func newServers(c Config, identity *client.Identity) (*servers, error) {
	l := &servers{timeout: c.Timeout, seed: maphash.MakeSeed(), clock: c.Clock, logger: c.Logger}
	credential := client.Config{Identity: identity}
	if c.CAFile != "" {
		var err error
		if credential.Anchors, err = client.FileAnchors(c.CAFile); err != nil {
			return nil, err
		}
	}
	if identity == nil {
		credential.Username = c.Agent
		credential.Password, _ = c.Secret.Plain()
	}
	add := func(list *[]*server, cluster string, from []Server) error {
		for _, s := range from {
			cl, err := client.New(client.Config{
				Endpoint: s.URL, Username: credential.Username, Password: credential.Password, Identity: credential.Identity, Anchors: credential.Anchors, Roots: c.CAFile, Timeout: c.Timeout, MaxRetries: -1, UserAgent: "concord-gate",
				TLS: &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(8)},
			})
			if err != nil {
				return fmt.Errorf("make client of server %s: %w", s.Node, err)
			}
			*list = append(*list, &server{node: s.Node, cluster: cluster, client: cl})
		}
		return nil
	}
	return l, errors.Join(add(&l.primaries, c.ClusterID, c.Servers), add(&l.secondaries, "", c.Secondaries))
}

func (l *servers) close() {
	for _, s := range append(append([]*server(nil), l.primaries...), l.secondaries...) {
		s.client.Close()
	}
}

// errNoServer is the cause when nobody answered; the browser gets 503.
var errNoServer = errors.New("no concord server answered")

// ask sends in to path on the first server that answers and gives its answer. sticky is the browser's cookie: requests
// with the same one go to the same server while it works, requests without one go round. A refusal (4xx) is an answer and
// comes back as its fault; when nobody answers the error wraps errNoServer.
func ask[T any](ctx context.Context, l *servers, sticky, path string, in any) (T, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, 3*l.timeout) // for all attempts together
	defer cancel()
	var resting []*server
	for _, s := range l.order(sticky) {
		if !s.enter(l.clock.Now()) {
			resting = append(resting, s)
		} else if out, answered, err := attempt[T](ctx, l, s, path, in); answered {
			return out, err
		}
	}
	for _, s := range resting { // rather ask one that is backing off than refuse a person who might be served
		if out, answered, err := attempt[T](ctx, l, s, path, in); answered {
			return out, err
		}
	}
	if err := context.Cause(ctx); errors.Is(err, context.Canceled) {
		return none, fmt.Errorf("ask concord: %w", err)
	}
	return none, fmt.Errorf("ask %s: %w", path, errNoServer)
}

// attempt asks one server; answered says that its answer counts, also when it is a refusal. Each attempt reads into a
// value of its own: nothing of a stranger's answer may stay behind.
func attempt[T any](ctx context.Context, l *servers, s *server, path string, in any) (out T, answered bool, err error) {
	if ctx.Err() != nil { // no time is left; that says nothing about this server
		s.leave()
		return out, false, ctx.Err()
	}
	res, err := s.client.Do(ctx, client.Request{Method: http.MethodPost, Path: path, In: in, Out: &out})
	if err != nil && ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		s.leave() // the browser went away; that says nothing about the server
		return out, true, err
	}
	why := s.trouble(path, res, err)
	if why == "" {
		l.works(s)
		return out, true, err
	}
	l.failed(s, why, err)
	return out, false, err
}

// trouble says why an answer does not count; "" = it does.
func (s *server) trouble(path string, res client.Response, err error) string {
	switch {
	case res.Status == 0:
		return "no answer"
	case res.Node != s.node || res.Cluster == "" || s.cluster != "" && res.Cluster != s.cluster:
		return fmt.Sprintf("it names itself %.64q of %.64q", res.Node, res.Cluster)
	case err == nil:
		return ""
	case fault.Is(err, fault.Unavailable) || fault.KindOf(err) == fault.Internal:
		return "it failed"
	case fault.Is(err, fault.Unauthenticated) && path == authorizePath: // elsewhere a browser's wrong code may be the reason
		return "it does not accept this agent's credential"
	}
	return ""
}

// order gives the servers to try: primaries from the chosen one on, then secondaries.
func (l *servers) order(sticky string) []*server {
	n := uint64(len(l.primaries))
	var first uint64
	if sticky == "" {
		first = l.next.Add(1) % n
	} else {
		first = maphash.String(l.seed, sticky) % n
	}
	out := make([]*server, 0, len(l.primaries)+len(l.secondaries))
	out = append(append(out, l.primaries[first:]...), l.primaries[:first]...)
	return append(out, l.secondaries...)
}

// enter says whether s may be asked now: it works, or its back-off is over and nobody else is trying it.
func (s *server) enter(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures == 0 {
		return true
	}
	if s.trial || now.Before(s.retryAt) {
		return false
	}
	s.trial = true
	return true
}

func (s *server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trial = false
}

func (l *servers) works(s *server) {
	s.mu.Lock()
	back := s.failures > 0
	s.failures, s.trial = 0, false
	s.mu.Unlock()
	if back {
		l.logger.Info("concord server is back", "node", s.node)
	}
}

// failed starts or prolongs the back-off. Requests that fail together count once.
func (l *servers) failed(s *server, why string, err error) {
	now := l.clock.Now()
	s.mu.Lock()
	s.trial = false
	fresh := s.failures == 0 || !now.Before(s.retryAt)
	if fresh {
		s.retryAt = now.Add(min(firstBackOff<<min(s.failures, 10), lastBackOff))
		s.failures++
	}
	until := s.retryAt
	s.mu.Unlock()
	if fresh {
		l.logger.Warn("concord server is not used for now", "node", s.node, "reason", why, "error", err, "until", until)
	}
}

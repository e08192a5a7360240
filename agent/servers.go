package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// servers is the list of Concord servers with what is known of each (CAMS-05 to CAMS-08).
type servers struct {
	cfg        Config
	credential client.Config
	file       *roster // of Config: the start and the fall-back
	now        atomic.Pointer[roster]
	next       atomic.Uint64 // round robin for requests without a cookie
	seed       maphash.Seed
	homes      homes
	back       chan struct{} // holds one token when a server works again
	clock      Clock
	logger     *slog.Logger
}

// newServers makes the list; identity is the certificate that the agent shows, nil when it shows its secret.
func newServers(c Config, identity *client.Identity) (*servers, error) {
	l := &servers{cfg: c, seed: maphash.MakeSeed(), back: make(chan struct{}, 1), clock: c.Clock, logger: c.Logger}
	l.credential = client.Config{Identity: identity, Roots: c.CAFile, Timeout: c.Timeout, MaxRetries: -1, MaxAge: c.ConnectionAge, UserAgent: "concord-gate"}
	if c.CAFile != "" {
		var err error
		if l.credential.Anchors, err = client.FileAnchors(c.CAFile); err != nil {
			return nil, err
		}
	}
	if identity == nil {
		l.credential.Username, l.credential.Password = c.Name, string(c.Secret)
	}
	var err error
	if l.file, err = l.make(c.Servers, c.Secondaries); err != nil {
		return nil, err
	}
	l.now.Store(l.file)
	return l, nil
}

// connect makes the client of one server. Each has TLS sessions of its own.
func (l *servers) connect(s Server, cluster string) (*server, error) {
	c := l.credential
	c.Endpoint = s.URL
	c.MaxAge -= time.Duration(rand.Int64N(int64(c.MaxAge/10) + 1)) // not all at the same moment
	c.TLS = &tls.Config{RootCAs: l.cfg.RootCAs, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	cl, err := client.New(c)
	if err != nil {
		return nil, fmt.Errorf("make client of server %s: %w", s.Node, err)
	}
	return &server{node: s.Node, url: s.URL, cluster: cluster, client: cl}, nil
}

func (l *servers) everyone() []*server { return l.now.Load().everyone() }

func (l *servers) close() {
	for _, s := range append(l.everyone(), l.file.everyone()...) {
		s.client.Close()
	}
}

// errNoServer is the cause when nobody answered; the browser gets 503.
var errNoServer = errors.New("no concord server answered")

// question says what is asked, and of whom first.
type question struct {
	method string // "" = POST
	path   string
	sticky string // the browser's cookie: requests with the same one go to the same server while it works; without one they go round
	fresh  bool   // nobody who is signed in waits for the answer, so it may be put to a server that failed before (CAMS-07)
}

// ask puts q with the body in to the first server that answers and gives its answer and whose it was. A refusal (4xx) is an answer
// and comes back as its fault; when nobody answers the error wraps errNoServer.
func ask[T any](ctx context.Context, l *servers, q question, in any) (T, *server, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, 3*l.cfg.Timeout) // for all attempts together
	defer cancel()
	var resting []*server
	now, list := l.clock.Now(), l.now.Load()
	for _, s := range l.order(list, q) {
		if !s.enter(now, q.fresh) {
			resting = append(resting, s)
		} else if out, answered, err := attempt[T](ctx, l, s, q, in); answered {
			if ctx.Err() == nil {
				l.served(list, q, s)
			}
			return out, s, err
		}
	}
	for _, s := range resting { // rather ask one that is backing off than refuse a person who might be served
		if out, answered, err := attempt[T](ctx, l, s, q, in); answered {
			if ctx.Err() == nil {
				l.served(list, q, s)
			}
			return out, s, err
		}
	}
	if err := context.Cause(ctx); errors.Is(err, context.Canceled) {
		return none, nil, fmt.Errorf("ask concord: %w", err)
	}
	return none, nil, fmt.Errorf("ask %s: %w", q.path, errNoServer)
}

// attempt asks one server; answered says that its answer counts, also when it is a refusal. Each attempt reads into a
// value of its own: nothing of a stranger's answer may stay behind.
func attempt[T any](ctx context.Context, l *servers, s *server, q question, in any) (out T, answered bool, err error) {
	if ctx.Err() != nil { // no time is left; that says nothing about this server
		s.leave()
		return out, false, ctx.Err()
	}
	method := q.method
	if method == "" {
		method = http.MethodPost
	}
	res, err := s.client.Do(ctx, client.Request{Method: method, Path: q.path, In: in, Out: &out})
	if err != nil && ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		s.leave() // the browser went away; that says nothing about the server
		return out, true, err
	}
	why := s.trouble(q.path, res, err)
	if why == "" {
		l.works(s)
		return out, true, err
	}
	l.failed(s, why, err)
	return out, false, err
}

func (l *servers) works(s *server) {
	if s.recover() {
		l.logger.Info("concord server is back", "node", s.node)
		select {
		case l.back <- struct{}{}: // its list may have changed meanwhile
		default:
		}
	}
}

func (l *servers) failed(s *server, why string, err error) {
	if until, fresh := s.fail(l.clock.Now()); fresh {
		l.logger.Warn("concord server is not used for now", "node", s.node, "reason", why, "error", err, "until", until)
	}
}

// Back-off of a server that failed: doubled with each failed trial.
const (
	firstBackOff = time.Second
	lastBackOff  = 30 * time.Second
)

// server is one Concord server.
type server struct {
	node    string
	url     string
	cluster string // "" = any
	client  *client.Client

	mu       sync.Mutex // guards the rest
	failures int        // in a row; 0 = in use
	retryAt  time.Time  // not asked before it
	trial    bool       // one request is trying it now
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
	case fault.Is(err, fault.Unauthenticated) && path != redeemPath && path != logoutPath: // there a browser's wrong code may be the reason
		return "it does not accept this agent's credential"
	}
	return ""
}

// enter says whether s may be asked now: it works, or its back-off is over, nobody else is trying it and the question is fresh.
func (s *server) enter(now time.Time, fresh bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures == 0 {
		return true
	}
	if !fresh || s.trial || now.Before(s.retryAt) {
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

// recover says whether s had failed before.
func (s *server) recover() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	back := s.failures > 0
	s.failures, s.trial = 0, false
	return back
}

// fail starts or prolongs the back-off. Requests that fail together count once.
func (s *server) fail(now time.Time) (until time.Time, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trial = false
	if fresh = s.failures == 0 || !now.Before(s.retryAt); fresh {
		s.retryAt = now.Add(min(firstBackOff<<min(s.failures, 10), lastBackOff))
		s.failures++
	}
	return s.retryAt, fresh
}

// resting says that s failed; due, that it may be tried.
func (s *server) resting(now time.Time) (resting, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures > 0, s.failures > 0 && !s.trial && !now.Before(s.retryAt)
}

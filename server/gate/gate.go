package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/agent"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Bounds of the gate's own listener and of its connections to the application.
const (
	maxHeaderBytes    = 64 << 10
	maxConnections    = 16 << 10
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	dialTimeout       = 5 * time.Second
	answerTimeout     = 2 * time.Minute // until the application's answer begins; how long it then lasts is its own affair
)

// Gate is one agent in front of one application.
type Gate struct {
	cfg       Config
	agent     *agent.Agent
	handler   http.Handler
	upstream  *url.URL
	transport *http.Transport
	own       *certificate // nil = plain HTTP
}

// New makes a gate. It opens no connection. A wrong configuration is one fault, Invalid "invalid_input", with every field.
func New(c Config) (*Gate, error) {
	if c.Clock == nil || c.Logger == nil {
		return nil, errors.New("make gate: clock and logger are needed")
	}
	if err := fault.InvalidFields("The gate's configuration is not complete or not right.", c.faults()); err != nil {
		return nil, err
	}
	c.setDefaults()
	g := &Gate{cfg: c, transport: newTransport()}
	var err error
	if g.upstream, err = url.Parse(c.Upstream); err != nil {
		return nil, fmt.Errorf("make gate: %w", err)
	}
	if g.agent, err = agent.New(c.agent()); err != nil {
		return nil, fmt.Errorf("make gate: %w", err)
	}
	g.handler = g.agent.Protect(g.proxy())
	if c.CertFile != "" {
		if g.own, err = newCertificate(c.CertFile, c.KeyFile); err != nil {
			return nil, fmt.Errorf("make gate: %w", err)
		}
	}
	return g, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  answerTimeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    128,
		MaxResponseHeaderBytes: 256 << 10,
		DisableCompression:     true, // the browser's Accept-Encoding decides
	}
}

// Handler answers browsers' requests.
func (g *Gate) Handler() http.Handler { return g.handler }

// Run listens on the configured address and serves until ctx ends; then it lets requests finish for at most Config.Drain.
func (g *Gate) Run(ctx context.Context) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", g.cfg.Listen)
	if err != nil {
		return fmt.Errorf("open gate's listener: %w", err)
	}
	return g.Serve(ctx, l)
}

// Serve is Run on a listener that is already open, which it closes. When it returns, nothing of the gate runs any more.
func (g *Gate) Serve(ctx context.Context, l net.Listener) error {
	live, end := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx by the drain; ends upgraded connections
	defer end()
	var running sync.RWMutex // held for reading by each request, so that taking it waits for all
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.RLock()
			defer running.RUnlock()
			if r.ContentLength != 0 {
				r.Body = newPatient(w, r.Body)
			}
			g.handler.ServeHTTP(w, r)
		}),
		BaseContext:       func(net.Listener) context.Context { return live },
		ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(g.cfg.Logger.Handler(), slog.LevelDebug),
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.accept(srv, netutil.LimitListener(l, maxConnections)) })
	group.Go(func() error {
		<-ctx.Done()
		g.drain(srv)
		return nil
	})
	group.Go(func() error { return g.agent.Run(ctx) })
	err := group.Wait()
	end()
	running.Lock()
	defer running.Unlock()
	g.agent.Close()
	g.transport.CloseIdleConnections()
	return err
}

func (g *Gate) accept(srv *http.Server, l net.Listener) error {
	var err error
	g.cfg.Logger.Info("gate listens", "address", l.Addr().String(), "agent", g.cfg.Agent, "cluster_id", g.cfg.ClusterID)
	if g.own == nil {
		err = srv.Serve(l)
	} else {
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return g.own.get(g.cfg.Clock.Now()), nil
		}}
		err = srv.ServeTLS(l, "", "")
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

func (g *Gate) drain(srv *http.Server) {
	limit, cancel := context.WithTimeout(context.Background(), g.cfg.Drain)
	defer cancel()
	if err := srv.Shutdown(limit); err != nil {
		g.cfg.Logger.Warn("requests were cut off at the end", "error", err)
		_ = srv.Close()
	}
}

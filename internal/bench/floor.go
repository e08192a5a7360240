package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/client"
)

// floorOrder says what the floor's process serves: one answer, ready in memory, to every request.
type floorOrder struct {
	TLS       bool
	CertFile  string
	KeyFile   string
	ClientCA  string // PEM file; "" = no client certificate is asked for
	Require   bool   // a client certificate is needed, as between data centers
	NoTickets bool   // sessions are not resumed, as between data centers
	Header    http.Header
	Body      []byte
	Ready     string // file that gets the address when it listens
}

// serveFloor is the floor's process.
func serveFloor(orderFile string) error {
	text, err := os.ReadFile(orderFile) //nolint:gosec // the run that starts this process names it
	if err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	var o floorOrder
	if err := json.Unmarshal(text, &o); err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open floor: %w", err)
	}
	if err := os.WriteFile(o.Ready, []byte(l.Addr().String()), 0o600); err != nil {
		return fmt.Errorf("tell address: %w", err)
	}
	if o.TLS {
		cfg, err := o.tls()
		if err != nil {
			return err
		}
		l = tls.NewListener(l, cfg)
	}
	return (&http.Server{Handler: o.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}).Serve(l)
}

func (o *floorOrder) tls() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("load floor's certificate: %w", err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}, SessionTicketsDisabled: o.NoTickets}
	if o.ClientCA == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(o.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("load client roots: %w", err)
	}
	trusted, err := client.TLSFromPEM(string(pem), "", "")
	if err != nil {
		return nil, err
	}
	cfg.ClientCAs, cfg.ClientAuth = trusted.RootCAs, tls.VerifyClientCertIfGiven
	if o.Require {
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return cfg, nil
}

// handler does nothing but answer: no reading, no deciding.
func (o *floorOrder) handler() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	kind := o.Header.Get("Content-Type")
	e.POST(authorizePath, func(g *gin.Context) {
		h := g.Writer.Header()
		for name, values := range o.Header {
			h[name] = values
		}
		g.Data(http.StatusOK, kind, o.Body)
	})
	return e
}

// floor starts the floor's process and gives its address.
func (s *stage) floor(ctx context.Context, name string, o floorOrder) (*process, string, error) {
	o.Ready = filepath.Join(s.dir, name+".address")
	text, err := json.Marshal(o)
	if err != nil {
		return nil, "", fmt.Errorf("encode order: %w", err)
	}
	order := filepath.Join(s.dir, name+".json")
	if err := os.WriteFile(order, text, 0o600); err != nil {
		return nil, "", fmt.Errorf("write order: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("find this program: %w", err)
	}
	p, err := s.start(name, self, "floor", order)
	if err != nil {
		return nil, "", err
	}
	var address []byte
	err = until(ctx, 20*time.Second, func(context.Context) error {
		if err := p.ended(); err != nil {
			return err
		}
		var err error
		if address, err = os.ReadFile(o.Ready); err == nil && len(address) == 0 {
			err = fmt.Errorf("%s has not told its address yet", name)
		}
		return err
	})
	return p, string(address), err
}

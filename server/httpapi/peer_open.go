package httpapi

import (
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// What one address, and all together, may ask of the peer listener without a certificate.
const (
	strangerRate  = 5 // a second
	strangerBurst = 20
	allRate       = 50
	allBurst      = 200
	maxStrangers  = 4096 // addresses that are kept apart

	maxStranger = 128 << 10 // bytes of a body: roots, or a request for a certificate
)

// strangers bounds what callers without a certificate, or a proof in mode open, ask, whatever they ask, before anything is done for them.
func (s *Server) strangers(g *gin.Context) {
	if t := g.Request.TLS; t != nil && len(t.PeerCertificates) > 0 || passageOf(g.Request).partner != "" {
		return
	}
	host, _, err := net.SplitHostPort(g.Request.RemoteAddr)
	if err != nil {
		host = g.Request.RemoteAddr
	}
	if s.crowd.allow(host, s.c.Clock.Now()) {
		return
	}
	(&call{Context: g}).fail(s.refused(classStrangers, &fault.Error{Kind: fault.Unavailable, Code: "too_many_requests", RetryAfter: time.Second,
		Message: "Too many requests without a certificate; try again in a second."}))
}

// crowd counts the requests of strangers.
type crowd struct {
	mu  sync.Mutex // guards all below
	all *rate.Limiter
	by  map[string]*rate.Limiter
}

func newCrowd() *crowd {
	return &crowd{all: rate.NewLimiter(allRate, allBurst), by: map[string]*rate.Limiter{}}
}

func (c *crowd) allow(host string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.by[host]
	if one == nil {
		if len(c.by) >= maxStrangers {
			clear(c.by)
		}
		one = rate.NewLimiter(strangerRate, strangerBurst)
		c.by[host] = one
	}
	return one.AllowN(now, 1) && c.all.AllowN(now, 1)
}

// peerBundle publishes the roots (SPIFFE Trust Domain and Bundle, section 4; SPIFFE Federation, section 5).
func (s *Server) peerBundle(c *call) error {
	bundle, err := s.c.Authority.BundleJSON()
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, "application/json", json.RawMessage(bundle))
	return nil
}

package httpapi

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/server/admission"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// An agent shows the same credentials in each of the thousands of requests of a connection. What was found right is remembered with the connection, and
// holds as long as the agent's object is the same one in the model: any change of it, its secret included, makes another.

type visitorKey struct{}

// visitor is what the runtime listener knows of a connection.
type visitor struct {
	last   atomic.Pointer[shown]
	bodies atomic.Int32 // of strangers' requests that are on their way
}

// visitorOf gives what is known of a request's connection; nil at other listeners.
func visitorOf(r *http.Request) *visitor {
	v, _ := r.Context().Value(visitorKey{}).(*visitor)
	return v
}

// shown is an agent by the credentials that were right.
type shown struct {
	header string // Authorization, as it was sent; "" when it showed a certificate
	agent  *mdc.Agent
	share  *admission.Share // of the places for decisions
}

// RuntimeConnection makes the context of a connection's requests at the runtime listener.
func (s *Server) RuntimeConnection(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, visitorKey{}, new(visitor))
}

// shownBefore gives the agent whose credentials are those that were right before on this connection; nil when that is to be found out.
func (s *Server) shownBefore(g *gin.Context) *shown {
	v := visitorOf(g.Request)
	if v == nil {
		return nil
	}
	before, header := v.last.Load(), g.Request.Header["Authorization"]
	if before == nil || len(header) != 1 || !sameSecret(before.header, header[0]) {
		return nil
	}
	if now, err := s.c.Model.Agent(g.Request.Context(), before.agent.Name); err != nil || now != before.agent {
		return nil
	}
	return before
}

// remember notes that the credentials of a request are an agent's.
func remember(g *gin.Context, k *shown) {
	v := visitorOf(g.Request)
	if header := g.Request.Header["Authorization"]; v != nil && len(header) == 1 && len(header[0]) <= maxShown {
		k.header = strings.Clone(header[0]) // the header is a part of the whole request's text
		v.last.Store(k)
	}
}

// maxShown is the length of the longest header that is remembered; the longest that is right has an agent's name and a password in base64.
const maxShown = 512

// sameSecret compares two texts in a time that tells no more than their lengths.
func sameSecret(a, b string) bool {
	var x, y [maxShown]byte
	if len(a) != len(b) || len(a) > maxShown {
		return false
	}
	return subtle.ConstantTimeCompare(x[:copy(x[:], a)], y[:copy(y[:], b)]) == 1
}

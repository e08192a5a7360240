package httpapi

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/administration"
)

// base runs before every handler of every listener: identity of the answerer, request id, recovery, headers (STD-07).
func (s *Server) base() []gin.HandlerFunc {
	return []gin.HandlerFunc{s.begin, s.recoverPanic}
}

func (s *Server) begin(g *gin.Context) {
	id := g.GetHeader(wire.HeaderRequestID)
	if !validRequestID(id) {
		id = newRequestID()
	}
	if g.Request.ContentLength != 0 {
		limitBodyTime(g.Writer, time.Now().Add(bodyTimeout))
	}
	g.Set(requestIDKey, id)
	g.Set(loggerKey, s.c.Logger)
	h := g.Writer.Header()
	h[wire.HeaderRequestID] = []string{id}
	h[wire.HeaderCluster] = s.clusterHeader
	h[wire.HeaderNode] = s.nodeHeader
	h["X-Content-Type-Options"] = s.nosniff
}

// recoverPanic turns a panic into the one fixed answer, logged with its stack. http.ErrAbortHandler goes on.
func (s *Server) recoverPanic(g *gin.Context) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		s.c.Logger.Error("handler panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()), "request_id", g.GetString(requestIDKey))
		(&call{Context: g}).fail(errors.New("panic"))
	}()
	g.Next()
	if status := g.Writer.Status(); status == http.StatusUnauthorized || status == http.StatusForbidden {
		s.noteRefusal(&call{Context: g})
	}
}

// administrator lets through who shows an administrator's token or certificate.
func (s *Server) administrator(g *gin.Context) {
	if showsOnlyCertificate(g) {
		s.certifiedAdministrator(g)
		return
	}
	if s.basicAdministrator(g) {
		return
	}
	c := &call{Context: g}
	token, ok := strings.CutPrefix(g.GetHeader("Authorization"), "Bearer ")
	if !ok || token == "" || len(token) > 512 {
		c.fail(fault.New(fault.Unauthenticated, "no_token", "An administrator's token or client certificate is needed: send Authorization: Bearer TOKEN, or connect with a certificate that this data center has issued for an administrator."))
		return
	}
	who, err := s.c.Administrators.Token(g.Request.Context(), token)
	if err != nil {
		c.fail(err)
		return
	}
	letIn(g, who)
}

// letIn notes who asks.
func letIn(g *gin.Context, who administration.Administrator) {
	g.Set(actorKey, who.Name)
	g.Set(administratorKey, who)
}

func validRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func newRequestID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails, by its own contract
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// quiet keeps gin from writing to the console.
func quiet() *gin.Engine {
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath, e.ForwardedByClientIP = false, false, false
	e.UseRawPath, e.UnescapePathValues = true, true
	return e
}

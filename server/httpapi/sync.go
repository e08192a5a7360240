package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// waitForClones keeps the answer to a write until the clones of agreements with wait_for_sync have the change, for five
// seconds at most; after that the answer names those that have not in a header. It holds for every route of the listener
// that writes, whatever it writes; a request that changed nothing replicated does not wait.
func (s *Server) waitForClones(g *gin.Context) {
	switch g.Request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return
	}
	before, awaited, err := s.c.Feed.Awaited(g.Request.Context())
	if err != nil || !awaited {
		return // a store that cannot be read fails the write itself
	}
	w := &waitingWriter{ResponseWriter: g.Writer, wait: func(status int) {
		if status < 300 {
			s.awaitClones(g, before)
		}
	}}
	g.Writer = w
	g.Next()
	if !w.Written() {
		w.once() // an answer without a body: its head goes out after the last handler
	}
}

func (s *Server) awaitClones(g *gin.Context, before mdc.Position) {
	ctx := context.WithoutCancel(g.Request.Context()) // the write is done: a caller that leaves must not look as if a clone were behind
	after, awaited, err := s.c.Feed.Awaited(ctx)
	if err != nil || !awaited || after == before {
		return
	}
	behind, err := s.c.Feed.Await(ctx, after)
	if err != nil || len(behind) == 0 {
		return
	}
	g.Header(wire.HeaderBehind, strings.Join(behind, ", "))
	s.c.Logger.Warn("a write was answered before clones had it", "clones", behind, "sequence", after.Sequence, "request_id", g.GetString(requestIDKey))
}

// waitingWriter calls wait once, before the head of the answer goes out.
type waitingWriter struct {
	gin.ResponseWriter
	wait func(status int)
}

func (w *waitingWriter) once() {
	if wait := w.wait; wait != nil {
		w.wait = nil
		wait(w.Status())
	}
}

// Unwrap lets http.ResponseController reach the connection's deadlines.
func (w *waitingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeaderNow sends the head.
func (w *waitingWriter) WriteHeaderNow() {
	w.once()
	w.ResponseWriter.WriteHeaderNow()
}

// Write sends a part of the body, and the head before it.
func (w *waitingWriter) Write(b []byte) (int, error) {
	w.once()
	return w.ResponseWriter.Write(b)
}

// WriteString is Write for a string.
func (w *waitingWriter) WriteString(t string) (int, error) {
	w.once()
	return w.ResponseWriter.WriteString(t)
}

// Flush sends what there is.
func (w *waitingWriter) Flush() {
	w.once()
	w.ResponseWriter.Flush()
}

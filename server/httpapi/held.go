package httpapi

import (
	"bytes"
	"net/http"

	"github.com/gin-gonic/gin"
)

// heldAnswer keeps an answer until its request has given its place back: who does not take it holds up nobody else. It is for answers of the
// size of a page.
type heldAnswer struct {
	gin.ResponseWriter
	c     *call
	body  bytes.Buffer
	begun bool
}

// hold keeps what is answered from now on.
func hold(c *call) *heldAnswer {
	h := &heldAnswer{ResponseWriter: c.Writer, c: c}
	c.Writer = h
	return h
}

// end has what follows answered at once.
func (h *heldAnswer) end() { h.c.Writer = h.ResponseWriter }

// send sends what was kept. Without it the request is answered by somebody else: after a fault, or a panic.
func (h *heldAnswer) send() {
	if !h.begun {
		return
	}
	h.ResponseWriter.WriteHeaderNow()
	_, _ = h.ResponseWriter.Write(h.body.Bytes()) // who is gone asks again
}

// Unwrap lets deadlines reach the connection.
func (h *heldAnswer) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// Write keeps a part of the body.
func (h *heldAnswer) Write(b []byte) (int, error) {
	h.begun = true
	return h.body.Write(b)
}

// WriteString likewise.
func (h *heldAnswer) WriteString(s string) (int, error) {
	h.begun = true
	return h.body.WriteString(s)
}

// WriteHeaderNow notes that the answer is whole without a body.
func (h *heldAnswer) WriteHeaderNow() { h.begun = true }

// Written says whether an answer was begun.
func (h *heldAnswer) Written() bool { return h.begun }

// Size is what was kept.
func (h *heldAnswer) Size() int { return h.body.Len() }

// Flush does nothing: all is sent at once.
func (h *heldAnswer) Flush() {}

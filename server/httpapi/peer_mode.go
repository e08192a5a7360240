package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
)

// passage is how a request came through the peer listener's mode.
type passage struct {
	partner string // who proved the request in mode open; "" under TLS, and for strangers
	refused error  // why it goes no further
}

type passageKey struct{}

func passageOf(r *http.Request) passage {
	p, _ := r.Context().Value(passageKey{}).(passage)
	return p
}

// byMode judges each request by the security mode that is in force at its moment, which is the data center's own: TLS in modes cert
// and simple, proofs without TLS in mode open, and nothing in a request that asks for another (SEC-40).
func (s *Server) byMode(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch mode := s.c.Mode(); {
		case r.TLS != nil && mode != mdc.ModeOpen:
			next.ServeHTTP(w, r)
		case r.TLS == nil && mode == mdc.ModeOpen:
			s.serveOpen(w, r, next)
		default: // the connection is of a former mode
			refuse(w, r, next, fault.New(fault.Conflict, passphrase.CodeModeMismatch, "%s is in mode %s now; connect anew.", s.c.ClusterID, mode))
		}
	})
}

func refuse(w http.ResponseWriter, r *http.Request, next http.Handler, err error) {
	w.Header().Set("Connection", "close")
	next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), passageKey{}, passage{refused: err})))
}

// passable ends the way of a request that the mode refuses.
func (s *Server) passable(g *gin.Context) {
	if err := passageOf(g.Request).refused; err != nil {
		s.c.Logger.Warn("peer refused", "code", fault.CodeOf(err), "reason", err.Error(), "remote", g.Request.RemoteAddr)
		(&call{Context: g}).fail(err)
	}
}

// serveOpen takes a request with its proof, and proves the answer. Without a proof it is a stranger's, for the routes that are open
// to everybody. The proof is checked before the body is read, so that nobody else makes us keep one.
func (s *Server) serveOpen(w http.ResponseWriter, r *http.Request, next http.Handler) {
	tokens := r.Header.Values(wire.HeaderProof)
	fields := passphrase.Fields(wire.ProvedRequestHeaders(), func(name string) []string { return r.Header.Values(name) })
	keepHeaders(r.Header, wire.ProvedRequestHeaders())
	if len(tokens) == 0 {
		next.ServeHTTP(w, r)
		return
	}
	id, signed, sum, err := s.c.Gate.Admit(r.Context(), tokens[0], passphrase.Message{Method: r.Method, Target: r.RequestURI, Fields: fields})
	if err == nil {
		s.c.Proved(r.Context(), id) // from here on a removal of the partner ends the connection
		err = provedBody(w, r, sum)
	}
	if err != nil {
		refuse(w, r, next, err)
		return
	}
	answer := &provedAnswer{ResponseWriter: w, signed: signed, method: r.Method}
	next.ServeHTTP(answer, r.WithContext(context.WithValue(r.Context(), passageKey{}, passage{partner: id})))
	answer.close() // not after a panic: the answer is to be seen as broken off
}

// keepHeaders drops what no proof covers.
func keepHeaders(h http.Header, names []string) {
	kept := http.Header{}
	for _, n := range names {
		if v := h.Values(n); len(v) > 0 {
			kept[http.CanonicalHeaderKey(n)] = v
		}
	}
	clear(h)
	for k, v := range kept {
		h[k] = v
	}
}

// provedBody reads the body to its end and compares it with the proof before anybody acts on it.
func provedBody(w http.ResponseWriter, r *http.Request, sum []byte) error {
	limitBodyTime(w, time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		return &fault.Error{Kind: fault.Invalid, Code: "body_cut_off", Message: "The body is too large, or could not be read to its end.", Err: err}
	}
	limitBodyTime(w, time.Time{})
	if got := sha256.Sum256(body); subtle.ConstantTimeCompare(got[:], sum) != 1 {
		return fault.New(fault.Forbidden, passphrase.CodeUnproved, "The body of the request is not the one that its proof is for.")
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}

// caller says who asks, under the trust and the mode of this moment: by the certificate, or in mode open by the proof of the request.
func (s *Server) caller(r *http.Request) (clusterID string, err error) {
	mode := s.c.Mode()
	if (r.TLS == nil) != (mode == mdc.ModeOpen) {
		return "", fault.New(fault.Forbidden, passphrase.CodeModeMismatch, "%s is in mode %s now; connect anew.", s.c.ClusterID, mode)
	}
	var id string
	if r.TLS == nil {
		if id = passageOf(r).partner; id == "" {
			return "", fault.New(fault.Forbidden, passphrase.CodeUnproved, "%s is in mode open, where each request proves the shared passphrase; this one proves nothing.", s.c.ClusterID)
		}
	} else {
		p, err := s.c.Trust.Verify(r.TLS, x509.ExtKeyUsageClientAuth)
		if err != nil {
			return "", err
		}
		id = p.ClusterID
	}
	partner, err := s.c.Model.Partner(r.Context(), id)
	switch {
	case err != nil:
		return "", err
	case partner == nil:
		return "", fault.New(fault.Forbidden, "not_a_partner", "The data center is not registered as a partner here.")
	case !partner.InMode(mode):
		return "", fault.New(fault.Forbidden, passphrase.CodeModeMismatch, "%s is in mode %s, the partner %s is registered there with %s; both must be the same.", s.c.ClusterID, mode, id, partner.SecurityMode)
	}
	return id, nil
}

// provedAnswer writes an answer of mode open: the head with its proof, the body in frames with theirs.
type provedAnswer struct {
	http.ResponseWriter
	signed passphrase.Signed
	method string
	frames *passphrase.FrameWriter // nil: not begun, or there is no body
	begun  bool
}

// Unwrap lets deadlines reach the connection.
func (a *provedAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader sends the head with what its proof covers, and nothing else.
func (a *provedAnswer) WriteHeader(status int) {
	if a.begun || status < http.StatusOK {
		return
	}
	a.begun = true
	h := a.Header()
	hasBody := client.HasBody(a.method, status)
	ends := h.Get("Connection")
	keepHeaders(h, wire.ProvedAnswerHeaders())
	if h.Get("Content-Type") == "" {
		h["Content-Type"] = nil // nobody guesses one that the proof does not cover
	}
	if ends != "" {
		h.Set("Connection", ends)
	}
	fields := passphrase.Fields(wire.ProvedAnswerHeaders(), func(name string) []string { return h.Values(name) })
	h.Set(wire.HeaderProof, a.signed.AnswerToken(status, fields))
	if hasBody {
		a.frames = a.signed.Frames(a.ResponseWriter)
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write takes a part of the body.
func (a *provedAnswer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.frames == nil {
		return len(b), nil // of a HEAD
	}
	return a.frames.Write(b)
}

// Flush sends what was written so far.
func (a *provedAnswer) Flush() {
	a.WriteHeader(http.StatusOK)
	if a.frames != nil && a.frames.Flush() != nil {
		return // the caller is gone
	}
	_ = http.NewResponseController(a.ResponseWriter).Flush() // the same
}

func (a *provedAnswer) close() {
	a.WriteHeader(http.StatusOK)
	if a.frames != nil {
		_ = a.frames.Close() // a caller that is gone asks again
	}
}

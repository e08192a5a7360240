package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/privatekey"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/administration"
	"github.com/concord-access/terraform-provider-concord/server/admission"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
)

// call is one request on its way through a handler.
type call struct {
	*gin.Context
	route *route

	early  []byte // the body, when it was read before a place was taken
	isRead bool
}

const (
	requestIDKey = "concord.request_id"
	actorKey     = "concord.actor"
	loggerKey    = "concord.logger"
	codeKey      = "concord.code"  // of a refusal, for the audit
	notedKey     = "concord.noted" // the audit has it already

	administratorKey = "concord.administrator"
)

// statusMethodNotAllowed and its neighbours have no kind of fault; they are decided by the router alone.
type statusError struct {
	fault  *fault.Error
	status int
}

// Error is the fault's text.
func (e statusError) Error() string { return e.fault.Error() }

func errNoRoute(path string) error {
	return statusError{fault.New(fault.NotFound, "no_such_route", "This listener has no route %q; /openapi.json lists what there is.", clip(path)), http.StatusNotFound}
}

func errNoMethod(method string) error {
	return statusError{fault.New(fault.Invalid, "method_not_allowed", "The method %q is not allowed here; see the Allow header.", clip(method)), http.StatusMethodNotAllowed}
}

func errMediaType() error {
	return statusError{fault.New(fault.Invalid, "unsupported_media_type", "The body must be JSON: send Content-Type: application/json."), http.StatusUnsupportedMediaType}
}

// actor is who asks, for journal and audit.
func (c *call) actor() configuration.Actor {
	return configuration.Actor{Name: c.GetString(actorKey), RequestID: c.GetString(requestIDKey), Address: connectionAddress(c), Rights: c.administrator().Rights}
}

// administrator is who asks at the admin listener; nobody elsewhere.
func (c *call) administrator() administration.Administrator {
	who, _ := c.Value(administratorKey).(administration.Administrator)
	return who
}

// precondition reads If-Match, If-None-Match, ?dry_run=true and, with that, ?alone=true. A weak or repeated tag never matches (RFC 9110 section 13.1.1).
func (c *call) precondition() (p configuration.Precondition, err error) {
	if m := c.Request.Header.Values("If-Match"); len(m) > 0 {
		if len(m) > 1 || strings.Contains(m[0], ",") || m[0] == "" {
			return p, fault.New(fault.Invalid, "invalid_precondition", "If-Match takes exactly one ETag.")
		}
		p.IfMatch = m[0]
	}
	if m := c.Request.Header.Values("If-None-Match"); len(m) > 0 {
		if len(m) > 1 || m[0] != "*" {
			return p, fault.New(fault.Invalid, "invalid_precondition", "If-None-Match takes only * for a write: create and do not replace.")
		}
		p.Absent = true
	}
	p.DryRun, p.Alone = c.Query("dry_run") == "true", c.Query("alone") == "true"
	if p.Alone && !p.DryRun { // never to be taken for a write
		return p, fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/alone", Detail: "needs dry_run=true beside it"}})
	}
	p.Lock, err = c.lock()
	return p, err
}

// lock reads the fencing number that a writer sends; 0 = none.
func (c *call) lock() (uint64, error) {
	sent := c.Request.Header.Values(wire.HeaderLock)
	if len(sent) == 0 {
		return 0, nil
	}
	n, err := strconv.ParseUint(sent[0], 10, 64)
	if err != nil || n == 0 || len(sent) > 1 {
		return 0, fault.New(fault.Invalid, "invalid_precondition", "%s takes the fencing number of one lock, as the answer to taking it says.", wire.HeaderLock)
	}
	return n, nil
}

// answer writes a JSON body with the route's status.
func (c *call) answer(body any) error {
	status := http.StatusOK
	if c.route != nil && c.route.status != 0 {
		status = c.route.status
	}
	return c.answerStatus(status, body)
}

func (c *call) answerStatus(status int, body any) error {
	c.Header("Cache-Control", "no-store")
	c.JSON(status, body)
	return nil
}

// answerObject writes an object with its ETag; 304 when the caller has it already.
func (c *call) answerObject(status int, etag string, body any) error {
	c.Header("ETag", etag)
	if read := c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead; read && c.has(etag) {
		c.Status(http.StatusNotModified)
		return nil
	}
	return c.answerStatus(status, body)
}

// has says whether the caller names etag among those that it has; the comparison is weak (RFC 9110 section 13.1.2).
func (c *call) has(etag string) bool {
	for _, list := range c.Request.Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(list, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
	}
	return false
}

// limit reads ?limit=, 1 to 1,000, default 100.
func (c *call) limit() (int, error) {
	s := c.Query("limit")
	if s == "" {
		return 100, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1000 {
		return 0, fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/limit", Detail: "must be a number from 1 to 1000"}})
	}
	return n, nil
}

// fail writes the problem document for err (RFC 9457, STD-01). What is no fault is logged once and shown as one fixed text.
func (c *call) fail(err error) {
	if c.Writer.Written() {
		c.logger().Error("answer broken off", "error", err)
		c.Abort()
		return
	}
	if c.Request.Context().Err() != nil && errors.Is(err, context.Canceled) {
		c.logger().Debug("caller left", "route", c.FullPath())
		c.AbortWithStatus(http.StatusServiceUnavailable) // nobody reads it, but it must not look like success
		return
	}
	f, ok := errors.AsType[*fault.Error](err)
	status := http.StatusInternalServerError
	if se, isStatus := errors.AsType[statusError](err); isStatus {
		f, ok, status = se.fault, true, se.status
	} else if ok {
		status = statusOf(f)
	}
	if !ok || f.Kind == fault.Internal {
		c.logger().Error("request failed", "error", err, "route", c.FullPath())
		f, status = fault.New(fault.Internal, "internal", "Something went wrong in the server. The request id leads to the reason in its log."), http.StatusInternalServerError
	}
	c.problem(status, c.withoutAuthority(f))
}

// statusOf tells who asks too much of a node by itself, 429 (RFC 6585 section 4), from a node of which too much is asked.
func statusOf(f *fault.Error) int {
	if f.Code == admission.CodeTooMany {
		return http.StatusTooManyRequests
	}
	return client.StatusFromKind(f.Kind)
}

// withoutAuthority keeps from all but administrators what a fault of the external certificate authority tells of it, such as its
// address; the log has it.
func (c *call) withoutAuthority(f *fault.Error) *fault.Error {
	if !strings.HasPrefix(f.Code, "ca_") {
		return f
	}
	if kind, _, _ := strings.Cut(c.GetString(actorKey), ":"); kind == "token" || kind == "certificate" || kind == "user" {
		return f
	}
	c.logger().Warn("certificate authority", "code", f.Code, "error", f, "route", c.FullPath())
	return &fault.Error{Kind: f.Kind, Code: f.Code, RetryAfter: f.RetryAfter,
		Message: "The certificate authority of this data center does not do this now; the request id leads to the reason in the log of the server."}
}

func (c *call) problem(status int, f *fault.Error) {
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		c.Set(codeKey, f.Code)
	}
	p := wire.Problem{Type: "urn:concord:problem:" + f.Code, Title: http.StatusText(status), Status: status, Detail: f.Message,
		Code: f.Code, Kind: client.KindName(f.Kind), RequestID: c.GetString(requestIDKey), Hint: f.Hint}
	for _, field := range f.Fields {
		p.Errors = append(p.Errors, wire.ProblemField{Pointer: field.Pointer, Detail: field.Detail})
	}
	if f.RetryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	} else if status == http.StatusServiceUnavailable {
		c.Header("Retry-After", "1")
	}
	if status == http.StatusUnauthorized && c.Writer.Header().Get("WWW-Authenticate") == "" {
		c.Header("WWW-Authenticate", challenge(c.FullPath()))
	}
	if srv, ok := c.Value(serverKey).(*Server); ok && c.route != nil && c.route.hidden {
		c.Writer.Header().Del("WWW-Authenticate")
		srv.failPage(c, status, f, p.RequestID)
		return
	}
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Type", wire.ProblemType)
	c.JSON(status, p)
	c.Abort()
}

func (c *call) logger() *slog.Logger {
	if l, ok := c.MustGet(loggerKey).(*slog.Logger); ok {
		return l.With("request_id", c.GetString(requestIDKey))
	}
	return slog.New(slog.DiscardHandler)
}

// clip keeps a caller's text short in a fault. A key that was pasted into the wrong place is not repeated at all.
func clip(s string) string {
	if privatekey.In(s) || strings.Contains(s, "-----BEGIN") {
		return "[a private key]"
	}
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}

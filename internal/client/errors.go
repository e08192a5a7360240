package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Codes of the faults that the client itself finds; all other codes are the server's.
const (
	CodeUnreachable    = "unreachable"             // nothing answered at the address
	CodeTimeout        = "timeout"                 // no answer in time
	CodeNotTrusted     = "certificate_not_trusted" // the server's certificate does not lead to a trusted root
	CodeNotOurs        = "client_not_accepted"     // the server refused the TLS handshake: our client certificate
	CodeNotConcord     = "not_concord"             // something answered, but not as Concord does
	CodeAnswerTooLarge = "answer_too_large"        // longer than MaxAnswer
)

// APIError is an answer that is not 2xx, or that is not Concord's. errors.AsType finds it, and the fault inside it.
type APIError struct {
	Fault     *fault.Error
	Status    int
	RequestID string // for looking the call up in the server's log
}

// Error is the fault's text and the request id.
func (e *APIError) Error() string {
	if e.RequestID == "" {
		return e.Fault.Error()
	}
	return fmt.Sprintf("%s (request id %s)", e.Fault.Error(), e.RequestID)
}

// Unwrap gives the fault.
func (e *APIError) Unwrap() error { return e.Fault }

// answerFault turns a refusal into a fault. Only a problem document speaks for Concord: a bare 404 of some proxy must
// never be taken for "that object is gone".
func (c *Client) answerFault(r Response, body []byte) error {
	var p wire.Problem
	if c.base.Scheme == "http" && strings.Contains(string(body), "HTTP request to an HTTPS server") {
		return &APIError{Fault: fault.New(fault.Invalid, CodeNotConcord, "%s speaks TLS; write https:// instead of http://", c.Endpoint()), Status: r.Status}
	}
	if !isProblem(r.Header) || json.Unmarshal(body, &p) != nil {
		return c.strangerFault(r, "it is not a problem document", nil)
	}
	f := &fault.Error{Kind: KindFromStatus(r.Status), Code: p.Code, Message: p.Detail, RetryAfter: retryAfter(r.Header), Hint: p.Hint}
	if f.Message == "" {
		f.Message = strings.TrimSpace(p.Title)
	}
	if f.Message == "" {
		f.Message = fmt.Sprintf("the server answered %d %s", r.Status, http.StatusText(r.Status))
	}
	for _, e := range p.Errors {
		f.Fields = append(f.Fields, fault.Field{Pointer: e.Pointer, Detail: e.Detail})
	}
	return &APIError{Fault: f, Status: r.Status, RequestID: firstOf(p.RequestID, r.RequestID)}
}

func (c *Client) strangerFault(r Response, what string, cause error) error {
	f := fault.New(fault.Internal, CodeNotConcord, "%s answered %d %s, but not as Concord does: %s. Is the endpoint the right listener of a Concord server, and no proxy in between?",
		c.Endpoint(), r.Status, http.StatusText(r.Status), what)
	if r.Status >= 500 || r.Status == http.StatusTooManyRequests {
		f.Kind, f.RetryAfter = KindFromStatus(r.Status), retryAfter(r.Header)
	}
	if at := r.Header.Get("Location"); r.Status/100 == 3 && at != "" {
		f.Message = fmt.Sprintf("%s answered %d and points elsewhere; redirects are not followed, because the credential would go along. Give the address itself as endpoint", c.Endpoint(), r.Status)
	}
	f.Err = cause
	return &APIError{Fault: f, Status: r.Status, RequestID: r.RequestID}
}

// transportFault says in the user's words why nothing was answered. The caller's own cancellation passes through.
func (c *Client) transportFault(ctx context.Context, limit time.Duration, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	f := &fault.Error{Kind: fault.Unavailable, Code: CodeUnreachable, Err: err}
	slow, ok := errors.AsType[net.Error](err)
	switch why := certificateTrouble(c.cfg.Roots, err); {
	case errors.Is(err, errTooLong):
		return &fault.Error{Kind: fault.TooLarge, Code: CodeAnswerTooLarge, Message: fmt.Sprintf("%s answered more than %d MiB; ask for less at a time", c.Endpoint(), MaxAnswer>>20)}
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("ask %s: %w", c.Endpoint(), ctx.Err())
	case why == notAccepted:
		f.Kind, f.Code = fault.Unauthenticated, CodeNotOurs
		f.Message = fmt.Sprintf("%s refused the TLS connection: %v. Does it ask for a client certificate (CONCORD_CLIENT_CERT and CONCORD_CLIENT_KEY)?", c.Endpoint(), innermost(err))
	case why != "":
		f.Kind, f.Code = fault.Forbidden, CodeNotTrusted
		f.Message = fmt.Sprintf("the certificate of %s is not trusted: %s", c.Endpoint(), why)
	case ok && slow.Timeout(), errors.Is(err, context.DeadlineExceeded):
		f.Code = CodeTimeout
		f.Message = fmt.Sprintf("Concord at %s gave no answer %s; is the server overloaded, or a firewall in between?", c.Endpoint(), within(ctx, limit))
	default:
		f.Message = fmt.Sprintf("cannot reach Concord at %s: %v; is the server running, is the endpoint right?", c.Endpoint(), innermost(err))
	}
	return f
}

func within(ctx context.Context, limit time.Duration) string {
	if limit <= 0 || ctx.Err() != nil {
		return "in time"
	}
	return "within " + limit.String()
}

const notAccepted = "not accepted"

// certificateTrouble explains a failed TLS handshake; "" when err is something else.
func certificateTrouble(roots string, err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		if roots != "" {
			return fmt.Sprintf("no root in %s issued it. Is that the ca.pem of this data center (DATA_DIR/ca.pem on the server), and not of another or of an older one?", roots)
		}
		return "it was issued by an authority that this machine does not know. Give the data center's root, DATA_DIR/ca.pem on the server, as ca_cert_file or in CONCORD_CACERT"
	}
	if host, ok := errors.AsType[x509.HostnameError](err); ok {
		if c := host.Certificate; c != nil && len(c.URIs) > 0 && len(c.DNSNames)+len(c.IPAddresses) == 0 {
			return "this is a data center's peer listener, which only other data centers use. Give the address of its admin listener"
		}
		return fmt.Sprintf("it is for another name than %s. Use the name it was issued for, or let the server advertise this one", host.Host)
	}
	if bad, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if bad.Reason == x509.Expired {
			return "it is not valid now. Is the clock of this machine right, and does the server renew its certificate?"
		}
		return bad.Error()
	}
	if v, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Sprintf("%v. Give the data center's root as ca_cert_file or in CONCORD_CACERT", v.Err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return "the address does not speak TLS. Should it be http://, or is the port another program's?"
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok || strings.Contains(err.Error(), "remote error: tls:") {
		return notAccepted
	}
	return ""
}

// innermost drops the layers that repeat method and address: what is left is "connection refused" and the like.
func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func firstOf(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}

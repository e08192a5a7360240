package agent

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// retrySeconds is what Retry-After says when Concord or the application does not answer.
const retrySeconds = 5

// notice is what the gate itself says, as a page to a person or as a problem document to a program.
type notice struct {
	status int
	code   string
	kind   string
	Title  string
	Text   string // what happened, and what to do next
	Form   bool   // with the sign-out button
	Again  bool   // with a link to the start of the site
	Start  string // address of that link; "" = /
}

func badRequest(text string) notice {
	return notice{status: http.StatusBadRequest, code: "bad_request", kind: "invalid", Title: "This address cannot be used", Text: text, Again: true}
}

func notFound() notice {
	return notice{status: http.StatusNotFound, code: "not_found", kind: "not_found", Title: "Page not found", Text: "There is no page at this address.", Again: true}
}

func wrongMethod() notice {
	return notice{status: http.StatusMethodNotAllowed, code: "method_not_allowed", kind: "invalid", Title: "This cannot be done here", Text: "This address does not take requests of this kind."}
}

func notSignedIn() notice {
	return notice{status: http.StatusUnauthorized, code: "not_signed_in", kind: "unauthenticated", Title: "Sign in first", Text: "You are not signed in, or your session has ended. Open the page in your browser to sign in.", Again: true}
}

func denied(signedIn bool) notice {
	text := "This page is not open. If you need it, ask your administrator and give the number below."
	if signedIn {
		text = "You are signed in, but this page is not open to you. If you need it, ask your administrator and give the number below."
	}
	return notice{status: http.StatusForbidden, code: "denied", kind: "forbidden", Title: "You may not open this page", Text: text}
}

func crossSite() notice {
	return notice{status: http.StatusForbidden, code: "cross_site", kind: "forbidden", Title: "Please sign out from here", Text: "The request to sign out came from another site, so nothing was done. Use the button to sign out.", Form: true}
}

// signInFailed leads to the agent's start page, where Concord names one.
func signInFailed(start string) notice {
	return notice{Start: start, status: http.StatusForbidden, code: "sign_in_not_completed", kind: "forbidden", Title: "The sign-in was not completed", Text: "It took too long, or was started in another window. Open the site again; if you are still signed in, you will not be asked for your password.", Again: true}
}

func badGateway() notice {
	return notice{status: http.StatusBadGateway, code: "application_unreachable", kind: "unavailable", Title: "The application does not answer", Text: "You are signed in, but the application behind this address cannot be reached. Try again in a moment.", Again: true}
}

func unavailable() notice {
	return notice{status: http.StatusServiceUnavailable, code: "concord_unreachable", kind: "unavailable", Title: "Access cannot be checked at the moment", Text: "The service that checks who may open this page does not answer, so the page stays closed. Try again in a few seconds.", Again: true}
}

func logoutForm() notice {
	return notice{status: http.StatusOK, Title: "Sign out?", Text: "You will be signed out of this application and of every other one that you use with the same sign-in.", Form: true}
}

func signedOut() notice {
	return notice{status: http.StatusOK, Title: "You are signed out", Text: "There is no session of this application in your browser.", Again: true}
}

// pages renders notices.
type pages struct {
	template *template.Template
	policy   string // Content-Security-Policy: nothing but the one style sheet and the empty icon inside the page
}

func newPages() (*pages, error) {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(pageCSS))
	style := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	// No form-action: browsers apply it to redirects too, and signing out ends on the sign-in host.
	return &pages{template: t, policy: "default-src 'none'; img-src data:; style-src " + style + "; base-uri 'none'; frame-ancestors 'none'"}, nil
}

// refuse answers with n as a page where a person looks, and as a problem document otherwise.
func (a *Agent) refuse(w http.ResponseWriter, r *http.Request, id string, n notice) {
	if n.status >= http.StatusBadGateway {
		w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
	}
	if isNavigation(r) {
		a.show(w, id, n)
		return
	}
	body, _ := json.Marshal(wire.Problem{ // strings and numbers always encode
		Type: "urn:concord:problem:" + n.code, Title: n.Title, Status: n.status, Detail: n.Text, Code: n.code, Kind: n.kind, RequestID: id})
	a.write(w, wire.ProblemType, n.status, body)
}

// Unreachable answers that the application behind the agent does not answer, as a page or as a problem document. r is the request
// that Protect's handler got.
func (a *Agent) Unreachable(w http.ResponseWriter, r *http.Request) {
	a.refuse(w, r, r.Header.Get(wire.HeaderRequestID), badGateway())
}

func (a *Agent) show(w http.ResponseWriter, id string, n notice) {
	var b bytes.Buffer
	data := struct {
		notice
		Style     template.CSS
		RequestID string
	}{n, template.CSS(pageCSS), id} //nolint:gosec // our own embedded file
	if n.status < http.StatusBadRequest {
		data.RequestID = ""
	}
	if err := a.pages.template.Execute(&b, data); err != nil {
		a.cfg.Logger.Error("page not rendered", "request_id", id, "error", err)
	}
	a.write(w, "text/html; charset=utf-8", n.status, b.Bytes())
}

func (a *Agent) write(w http.ResponseWriter, contentType string, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", a.pages.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer a form says "Origin: null"
	w.WriteHeader(status)
	_, _ = w.Write(body) // the browser may be gone
}

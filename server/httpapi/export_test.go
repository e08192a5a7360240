package httpapi

import (
	"io"
	"net/http"
	"net/netip"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// What the test of the request path compares: by hand and the common way.
func DecodeAuthorize(b []byte, out *wire.AuthorizeRequest) error { return decodeAuthorize(b, out) }

// DecodesByHand says whether decodeAuthorize needs the common way for b.
func DecodesByHand(b []byte) bool {
	f := flat{text: string(b)}
	return ascii(b) && f.authorize(&wire.AuthorizeRequest{})
}

func DecodeStrict(b []byte, out any) error { return decodeStrict(b, out) }

func EncodeAuthorize(a *wire.AuthorizeAnswer) ([]byte, error) { return encodeAuthorize(a) }

// EncodesByHand says whether encodeAuthorize needs the common way for a.
func EncodesByHand(a *wire.AuthorizeAnswer) bool {
	_, ok := appendAuthorize(nil, a)
	return ok
}

// WriteSnapshot answers a snapshot of the lines to a caller that accepts these types and codings.
func WriteSnapshot(w http.ResponseWriter, accept, codings string, lines ...wire.SnapshotLine) error {
	g, _ := gin.CreateTestContext(w)
	g.Request = &http.Request{Header: http.Header{"Accept": {accept}, "Accept-Encoding": {codings}}}
	c := &call{Context: g}
	out := newSnapshotLines(c)
	out.begin(c)
	for _, l := range lines {
		if err := out.write(l); err != nil {
			return err
		}
	}
	return out.close()
}

// Upload gives a request's body as a handler reads it.
func Upload(w http.ResponseWriter, body io.ReadCloser) io.Reader {
	g, _ := gin.CreateTestContext(w)
	g.Request = &http.Request{Body: body}
	return (&call{Context: g}).upload()
}

// AnswerPage answers a journal page to a caller that accepts these types.
func AnswerPage(w http.ResponseWriter, accept string, p wire.JournalPage) error {
	g, _ := gin.CreateTestContext(w)
	g.Request = &http.Request{Header: http.Header{"Accept": {accept}}}
	return (&call{Context: g}).answerPage(p)
}

// ForwardedFor is where a request of peer comes from, by its headers.
func ForwardedFor(peer string, h http.Header, proxies []netip.Prefix) string {
	return forwardedFor(peer, h, proxies)
}

// AdminRoute is a route of the admin listener and what it asks of an administrator.
type AdminRoute struct {
	Method, Path, Needs string
	Public, Declared    bool
}

// AdminRoutes lists every route of the admin listener.
func AdminRoutes() (out []AdminRoute) {
	s := &Server{}
	s.declare()
	for _, r := range s.admin.routes {
		out = append(out, AdminRoute{r.method, r.path, r.needs.String(), r.public, r.public || r.needs.reach != undeclared})
	}
	return out
}

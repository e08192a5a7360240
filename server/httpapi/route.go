package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// route is one operation of a listener.
type route struct {
	method  string
	path    string // with {name} for a segment and {name...} for the rest
	summary string
	in      any         // zero value of the body's struct, or octets; nil = no body
	out     any         // zero value of the answer's struct, or octets; nil = no JSON answer
	status  int         // of success; 0 = 200
	also    map[int]any // other answers that are no problem documents: zero value of the struct by status; nil = no body
	public  bool
	needs   need // what the admin listener asks of the administrator; public routes need nothing
	hidden  bool // served, but a person's page rather than an operation: described without schemas
	brief   bool // answers within bodyTimeout of its beginning, or may be broken off then: the limit on the body's time is not lifted, which takes time itself
	query   []string
	header  map[string]string // request headers that this route takes beside those of every one: what each is for, by name
	among   among             // whose places it takes; the zero value is the listener's own
	ahead   int64             // bytes of a stranger's body that are read before a place is taken; 0 = it is read in the place
	handle  func(*call) error
}

// operations collects the routes of one listener.
type operations struct {
	title  string
	scheme object // OpenAPI security scheme of the routes that are not public
	// certificates says that a client certificate is taken in the scheme's place.
	certificates bool
	routes       []route
	// guard decides about each request of a route that is not public, after its caller is known; nil = whoever is known may.
	guard func(c *call) error
	// admit gives the door of a route: its caller is known, and may, before a place is taken. nil = whoever comes is served.
	admit func(r *route) *door
}

func (o *operations) add(r ...route) { o.routes = append(o.routes, r...) }

// mount registers every route; auth runs before those that are not public.
func (o *operations) mount(e *gin.Engine, base []gin.HandlerFunc, auth gin.HandlerFunc) {
	e.HandleMethodNotAllowed = true
	for _, r := range o.routes {
		chain := append([]gin.HandlerFunc(nil), base...)
		if !r.public && auth != nil {
			chain = append(chain, auth)
		}
		d := o.door(&r)
		chain = append(chain, func(g *gin.Context) {
			c := &call{Context: g, route: &r}
			err := o.guarded(c)
			if err == nil {
				err = r.checkQuery(g.Request.URL.RawQuery)
			}
			if err == nil {
				err = d.serve(c)
			}
			if err != nil {
				c.fail(err)
			}
		})
		e.Handle(r.method, ginPath(r.path), chain...)
		if r.method == http.MethodGet {
			e.Handle(http.MethodHead, ginPath(r.path), chain...)
		}
	}
	e.NoRoute(append(append([]gin.HandlerFunc(nil), base...), func(g *gin.Context) { (&call{Context: g}).fail(errNoRoute(g.Request.URL.Path)) })...)
	e.NoMethod(append(append([]gin.HandlerFunc(nil), base...), func(g *gin.Context) { (&call{Context: g}).fail(errNoMethod(g.Request.Method)) })...)
}

// door is that of a route; nil = it has none.
func (o *operations) door(r *route) *door {
	if o.admit == nil {
		return nil
	}
	return o.admit(r)
}

func (o *operations) guarded(c *call) error {
	if o.guard == nil || c.route.public {
		return nil
	}
	return o.guard(c)
}

// checkQuery refuses a parameter that the route does not know or that was sent twice (SEC-28). Pages and what is open to
// everybody take any, since monitors and mail programs add their own.
func (r *route) checkQuery(raw string) error {
	if raw == "" || r.public || r.hidden {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return fault.New(fault.Invalid, "invalid_query", "The query cannot be read.")
	}
	var fields []fault.Field
	for name, v := range values {
		switch {
		case !slices.Contains(r.query, name):
			fields = append(fields, fault.Field{Pointer: "/" + escapePointer(name), Detail: "is no parameter of this route"})
		case len(v) > 1:
			fields = append(fields, fault.Field{Pointer: "/" + escapePointer(name), Detail: "was sent twice"})
		}
	}
	return fault.InvalidFields("The query cannot be accepted.", fields[:min(len(fields), maxFaults)])
}

func ginPath(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		if rest, ok := strings.CutSuffix(s, "...}"); ok {
			segments[i] = "*" + strings.TrimPrefix(rest, "{")
		} else if strings.HasPrefix(s, "{") {
			segments[i] = ":" + strings.Trim(s, "{}")
		}
	}
	return strings.Join(segments, "/")
}

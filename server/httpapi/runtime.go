package httpapi

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

// Model is the configuration as requests read it: cached, and dropped when it changes.
type Model interface {
	Agent(ctx context.Context, name string) (*mdc.Agent, error) // nil when there is none
	Policies(ctx context.Context) (*policy.Index, error)
	PoliciesWith(ctx context.Context, p *mdc.AuthorizationPolicy) (*policy.Index, error) // with p in the place of the one of that name
	Scheme(ctx context.Context, name string) (*mdc.AuthenticationScheme, error)          // the built-in one for ""; nil when there is none
	Domains(ctx context.Context) (*journal.Domains, error)                               // what the security domains hold
	Refers(ctx context.Context, sha256 string) (size int64, known bool, err error)       // whether a package has this content, and its bytes
	DataCenter(ctx context.Context) (*mdc.DataCenter, error)
	Profile(ctx context.Context) (*mdc.PartnerProfile, error)
	Partner(ctx context.Context, clusterID string) (*mdc.Partner, error) // nil when there is none
}

// declareRuntime lists every route of the runtime listener.
func (s *Server) declareRuntime() {
	o := &s.runtime
	o.add(
		route{method: http.MethodGet, path: "/v1/health", summary: "Whether this data center should get users", public: true, out: wire.Health{}, also: notReady(), among: free, handle: s.health},
		route{method: http.MethodPost, path: "/session/v1/authenticate", summary: "Sign in with a password, for programs", public: true, in: wire.AuthenticateRequest{}, out: wire.AuthenticateAnswer{}, among: signIns, ahead: maxProgram, handle: s.authenticate},
		route{method: http.MethodPost, path: "/session/v1/authorize", summary: "Decide on one request of a browser", brief: true, in: wire.AuthorizeRequest{}, out: wire.AuthorizeAnswer{}, handle: s.authorize},
		route{method: http.MethodPost, path: "/session/v1/redeem", summary: "A code for the agent's cookie", in: wire.RedeemRequest{}, out: wire.RedeemAnswer{}, handle: s.redeem},
		route{method: http.MethodPost, path: "/session/v1/logout", summary: "End a sign-on in every data center", in: wire.LogoutRequest{}, out: wire.LogoutAnswer{}, handle: s.logoutByAgent},
		route{method: http.MethodGet, path: "/session/v1/agent", summary: "How the agent that asks is registered here", out: wire.AgentRegistration{}, handle: s.registration},
		route{method: http.MethodPost, path: "/session/v1/certificate", summary: "The next certificate of the agent that shows one", in: wire.AgentRenewal{}, out: wire.CertificateMade{}, handle: s.renewAgent},
		route{method: http.MethodGet, path: "/packages/{name}", summary: "A package, for a signed-in user who is entitled to it", public: true, hidden: true, out: octets{},
			also: map[int]any{http.StatusPartialContent: octets{}, http.StatusNotModified: nil, http.StatusSeeOther: nil}, among: inside, handle: s.fetchPackage},
		route{method: http.MethodGet, path: "/login", summary: "The sign-in page", public: true, hidden: true, query: []string{"request", "package", "to"}, also: map[int]any{http.StatusSeeOther: nil}, among: signIns, handle: s.loginPage},
		route{method: http.MethodPost, path: "/login", summary: "Sign in with the form", public: true, hidden: true, status: http.StatusSeeOther, also: map[int]any{http.StatusOK: nil}, among: signIns, ahead: maxForm, handle: s.loginForm},
		route{method: http.MethodGet, path: "/logout", summary: "Ask whether to sign out", public: true, hidden: true, handle: s.logoutPage},
		route{method: http.MethodPost, path: "/logout", summary: "Sign out with the form", public: true, hidden: true, ahead: maxForm, handle: s.logoutForm},
		route{method: http.MethodGet, path: "/signed-out", summary: "The page that confirms", public: true, hidden: true, among: pages, handle: s.signedOutPage},
		route{method: http.MethodGet, path: "/assets/console.css", summary: "The pages' style", public: true, hidden: true, handle: s.stylesheet},
		route{method: http.MethodGet, path: "/assets/icon.svg", summary: "The pages' icon", public: true, hidden: true, handle: s.icon},
		route{method: http.MethodGet, path: "/assets/logo", summary: "The organisation's logo, if there is one", public: true, hidden: true, handle: s.logo},
		route{method: http.MethodGet, path: "/favicon.ico", summary: "The icon where browsers look for it unasked", public: true, hidden: true, handle: s.icon},
		route{method: http.MethodGet, path: "/", summary: "To the sign-in page", public: true, hidden: true, status: http.StatusSeeOther, among: pages, handle: s.home},
	)
	o.add(s.accountRoutes()...)
	o.add(s.passwordRoutes()...)
	o.add(s.forwardRoutes()...)
	o.add(s.keySetRoutes()...)
	s.describes(o, &s.runtimeDoc, true)
}

// Runtime is the handler of the runtime listener.
func (s *Server) Runtime() http.Handler {
	e := quiet()
	s.runtime.mount(e, append(s.base(), s.pageErrors), s.agent)
	return e
}

const agentKey = "concord.agent"

// agent lets through who authenticates as a registered agent, by its secret or by a certificate.
func (s *Server) agent(g *gin.Context) {
	if showsOnlyCertificate(g) {
		s.certifiedAgent(g)
		return
	}
	if a := s.shownBefore(g); a != nil {
		g.Set(agentKey, a)
		return
	}
	c := &call{Context: g}
	name, secret, ok := g.Request.BasicAuth()
	if !ok || !mdc.ValidAgentName(name) {
		c.fail(fault.New(fault.Unauthenticated, "no_agent", "An agent's credentials are needed: HTTP Basic with the agent's name and secret, or a client certificate that the agent lists."))
		return
	}
	a, err := s.c.Model.Agent(g.Request.Context(), name)
	if err != nil {
		c.fail(err)
		return
	}
	if ok, err = s.c.AgentSecrets.Verify(g.Request.Context(), a, secret); err != nil || !ok { // no agent has no secret that fits
		if err == nil {
			err = fault.New(fault.Unauthenticated, "wrong_agent", "The agent is not registered here, or its secret is not the right one.")
		}
		c.fail(err)
		return
	}
	k := &shown{agent: a, share: s.shareOf(a)}
	remember(g, k)
	g.Set(agentKey, k)
}

// agent is the authenticated agent; the route's chain has seen to it.
func (c *call) agent() *mdc.Agent { return c.known().agent }

func (c *call) known() *shown {
	k, _ := c.MustGet(agentKey).(*shown)
	return k
}

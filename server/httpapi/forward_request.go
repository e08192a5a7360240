package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/browser"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

const (
	forwardPath  = "/forward-auth"
	extAuthzPath = forwardPath + "/ext-authz"
	reservedPath = "/.concord" // on each agent's host
)

// forwarded is one request of a browser as the web server in front of the application describes it. Nothing of it is the
// browser's word, but for the headers that are the browser's to say: cookies and what it wants.
type forwarded struct {
	agent                        *mdc.Agent
	method, scheme, host, target string
	client                       string // address; "" when the web server does not say
	resource                     policy.Resource
	cookies                      []browser.Cookie
	navigation                   bool
	authorization                string // of a program, HTTP Basic
}

// origin is scheme://host of the request, which is one of the agent's.
func (f *forwarded) origin() string { return f.scheme + "://" + f.host }

// forwardAgent is the web server that asks. Only after it has proved itself is anything else of its request read (SEC-20). The
// refusal is 403 and never 401, which nginx would take for "send the person to sign in".
func (s *Server) forwardAgent(c *call) (*mdc.Agent, error) {
	refused := fault.New(fault.Forbidden, "wrong_agent", "The web server's credentials are not right: it has to set %s and %s, once each, over anything that a browser sent.",
		wire.HeaderAgent, wire.HeaderAgentSecret)
	names, secrets := c.Request.Header.Values(wire.HeaderAgent), c.Request.Header.Values(wire.HeaderAgentSecret)
	if t := c.Request.TLS; len(names)+len(secrets) == 0 && t != nil && len(t.PeerCertificates) > 0 {
		return s.certifiedWebServer(c)
	}
	if len(names) != 1 || len(secrets) != 1 || !mdc.ValidAgentName(names[0]) {
		return nil, refused
	}
	a, err := s.c.Model.Agent(c.Request.Context(), names[0])
	if err != nil {
		return nil, err
	}
	if a == nil {
		return nil, refused
	}
	ok, err := s.c.AgentSecrets.Verify(c.Request.Context(), a, secrets[0])
	if err != nil || !ok {
		if err == nil {
			err = refused
		}
		return nil, err
	}
	return a, nil
}

// certifiedWebServer is one that shows a certificate which the agent lists that it names. Who is refused loses the connection.
func (s *Server) certifiedWebServer(c *call) (*mdc.Agent, error) {
	shown := c.Request.TLS.PeerCertificates[0]
	caller, err := s.c.Trust.VerifyCaller(c.Request.TLS, trust.Agent, s.c.RuntimeRoots())
	if err != nil {
		c.Header("Connection", "close")
		s.c.Refused(listenerRuntime, shown, err)
		return nil, forbidden(err)
	}
	a, err := s.c.Model.Agent(c.Request.Context(), caller.Name)
	if err != nil {
		return nil, err
	}
	if a == nil || !slices.Contains(a.CertificateIdentities, caller.Identity) {
		c.Header("Connection", "close")
		err := fault.New(fault.Forbidden, "certificate_not_listed",
			"The certificate is not registered here: an agent %q that lists %q in certificate_identities is needed.", caller.Name, caller.Identity)
		s.c.Refused(listenerRuntime, shown, err)
		return nil, err
	}
	return a, nil
}

// forwarded reads the request that is asked about, from X-Forwarded-* or from X-Original-URL: of what could be read in two ways
// neither is taken (SEC-28).
func (s *Server) forwarded(c *call) (*forwarded, error) {
	a, err := s.forwardAgent(c)
	if err != nil {
		return nil, err
	}
	f := &forwarded{agent: a}
	h := c.Request.Header
	if len(h.Values("X-Original-Url")) > 0 {
		return f, f.fromOriginal(h)
	}
	for name, into := range map[string]*string{"X-Forwarded-Method": &f.method, "X-Forwarded-Proto": &f.scheme, "X-Forwarded-Host": &f.host, "X-Forwarded-Uri": &f.target} {
		if err := exactly(h, name, into); err != nil {
			return nil, err
		}
	}
	return f, f.settle(h)
}

// fromOriginal reads the form of nginx's ingress: the whole address in one header, the method in another.
func (f *forwarded) fromOriginal(h http.Header) error {
	for _, other := range []string{"X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"} {
		if len(h.Values(other)) > 0 {
			return errForwarded("sends X-Original-URL and " + other + ", which may contradict; it has to clear one of them")
		}
	}
	method := "X-Original-Method"
	if len(h.Values(method)) == 0 {
		method = "X-Forwarded-Method"
	} else if len(h.Values("X-Forwarded-Method")) > 0 {
		return errForwarded("sends X-Original-Method and X-Forwarded-Method; it has to clear one of them")
	}
	var address string
	if err := exactly(h, method, &f.method); err != nil {
		return err
	}
	if err := exactly(h, "X-Original-Url", &address); err != nil {
		return err
	}
	scheme, rest, ok := strings.Cut(address, "://")
	i := strings.IndexByte(rest, '/')
	if !ok || i < 0 {
		return errForwarded("sends an X-Original-URL that is not scheme://host/path")
	}
	f.scheme, f.host, f.target = scheme, rest[:i], rest[i:]
	return f.settle(h)
}

// extAuthz reads the HTTP form of Envoy's ext_authz: the request itself has the browser's method and Host, and its path behind
// a prefix. Only the scheme comes in a header, which Envoy sets.
func (s *Server) extAuthz(c *call) (*forwarded, error) {
	a, err := s.forwardAgent(c)
	if err != nil {
		return nil, err
	}
	f := &forwarded{agent: a, method: c.Request.Method, host: c.Request.Host}
	if err := exactly(c.Request.Header, "X-Forwarded-Proto", &f.scheme); err != nil {
		return nil, err
	}
	target, ok := strings.CutPrefix(c.Request.RequestURI, extAuthzPath)
	if !ok {
		return nil, errForwarded("asks with a path that does not start with " + extAuthzPath)
	}
	f.target = target
	return f, f.settle(c.Request.Header)
}

// settle brings the address into its one form, and refuses one that is none of the agent's (SEC-14, SEC-20).
func (f *forwarded) settle(h http.Header) (err error) {
	if f.scheme != "http" && f.scheme != "https" {
		return errForwarded("names a scheme that is neither http nor https")
	}
	if f.resource, err = policy.Canonical(f.scheme, f.host, f.target); err != nil {
		return forbidden(err)
	}
	if !serves(f.agent, f.resource) {
		return fault.New(fault.Forbidden, "host_not_of_agent", "This host is none of the agent's: add its origin to the hosts of the agent that the web server names.")
	}
	f.authorization = browser.ProgramCredentials(h)
	f.cookies, f.navigation = browser.Cookies(h), browser.IsNavigation(f.method, h)
	f.client, err = clientOf(h)
	return err
}

// reserved says whether the path is Concord's own on an agent's host.
func (f *forwarded) reserved() bool {
	return f.resource.Path == reservedPath || strings.HasPrefix(f.resource.Path, reservedPath+"/")
}

func (s *Server) authorizeRequest(f *forwarded) *wire.AuthorizeRequest {
	secure := s.c.Sessions.SecureCookies(f.scheme)
	return &wire.AuthorizeRequest{Method: f.method, Scheme: f.scheme, Host: f.host, Target: f.target, ClientAddress: f.client, Navigation: f.navigation,
		Cookie:           browser.One(f.cookies, session.AgentCookieName(f.agent.Name, secure)),
		InactivityCookie: browser.One(f.cookies, session.InactivityCookieName(secure)),
		FlowCookies:      len(s.flows(f)), Authorization: f.authorization}
}

func (s *Server) flows(f *forwarded) []string {
	return browser.Flows(f.cookies, session.FlowCookiePrefix(f.agent.Name, s.c.Sessions.SecureCookies(f.scheme)))
}

// clientOf is where the browser is, as the web server says it. Without its word nobody is believed: X-Forwarded-For alone may be the
// browser's own.
func clientOf(h http.Header) (string, error) {
	said := h.Values(wire.HeaderClientAddress)
	switch {
	case len(said) == 0 || len(said) == 1 && said[0] == "":
		return "", nil
	case len(said) > 1:
		return "", errForwarded("has to send no more than one " + wire.HeaderClientAddress)
	case !strings.EqualFold(said[0], wire.ClientAddressForwarded):
		return said[0], nil
	}
	all := strings.Join(h.Values("X-Forwarded-For"), ",")
	return strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:]), nil
}

// exactly reads a header that has to be there once.
func exactly(h http.Header, name string, into *string) error {
	v := h.Values(name)
	if len(v) != 1 || v[0] == "" {
		return errForwarded("has to send exactly one " + name)
	}
	*into = v[0]
	return nil
}

func errForwarded(what string) error {
	return fault.New(fault.Forbidden, "forwarded_headers", "The web server %s.", what)
}

// refusesIn401 reads ?status=401: nginx takes 2xx, 401 and 403 from auth_request and nothing else.
func refusesIn401(c *call) (bool, error) {
	values, err := url.ParseQuery(c.Request.URL.RawQuery)
	status := values["status"]
	if err != nil || len(status) > 1 || len(values) > len(status) || len(status) == 1 && status[0] != "401" {
		return false, fault.New(fault.Forbidden, "invalid_query", "%s takes ?status=401 and nothing else.", forwardPath)
	}
	return len(status) == 1, nil
}

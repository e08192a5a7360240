package session

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

const (
	flowLife  = 10 * time.Minute
	askedLife = 12 * time.Hour // for which an old request still tells where the person wanted to go
	codeLife  = time.Minute
	maxFlows  = 5    // flow cookies that a browser may have open for one agent
	maxTarget = 1500 // bytes of a return address that is kept
)

// Flow is a browser that an agent sends to sign in.
type Flow struct {
	Scheme, Host string // of the request, as the browser sent it: http or https, host[:port]
	Target       string // path and query, undecoded
	OpenFlows    int    // flow cookies of this agent that the browser sent
	Level        int    // that the application wants
	Domain       string // security domain of the application; "" = none

	Authentication string // name of the authentication scheme that leads there; "" = mdc.SchemePassword
}

// BeginFlow is step 1 of the way to the agent's cookie: where the browser goes and what it keeps. A host that is none of
// the agent's gets the agent's start page and no cookie. A fault of kind Unavailable says that too many are open already.
func (e *Engine) BeginFlow(a *mdc.Agent, f Flow) (location string, setCookies []string, err error) {
	if !ownsOrigin(a, f.Scheme, f.Host) {
		return startPage(a), nil, nil
	}
	if f.OpenFlows >= maxFlows {
		return "", nil, &fault.Error{Kind: fault.Unavailable, Code: "too_many_sign_ins", RetryAfter: flowLife,
			Message: "This browser has too many sign-ins open. Finish one of them, or try again in ten minutes."}
	}
	var verifier [32]byte
	_, _ = rand.Read(verifier[:])
	r := Request{Agent: a.Name, Origin: strings.ToLower(f.Scheme + "://" + f.Host), Level: f.Level, Domain: f.Domain, Authentication: f.Authentication, Target: returnURL(a, f), state: newRandom(), challenge: sha256.Sum256(verifier[:])}
	text, err := e.sealRequest(r)
	if err != nil {
		return "", nil, err
	}
	cookie, err := e.sealFlow(a, f.Host, &r, verifier)
	if err != nil {
		return "", nil, err
	}
	secure := e.SecureCookies(f.Scheme)
	return e.SignInURL() + "/login?request=" + text, []string{setCookie(flowCookieName(a.Name, r.state, secure), cookie, flowLife, secure)}, nil
}

// Request is a browser that an agent sent to the sign-in host.
type Request struct {
	Agent     string
	Origin    string // scheme://host[:port] to go back to
	Level     int    // that the application wants
	Domain    string // security domain of the application; "" = none
	Expired   bool   // too old for a code: after the sign-in the browser goes to Target and asks anew
	Target    string // the address that the person asked for, or the agent's start page
	state     random128
	challenge [32]byte // SHA-256 of the verifier in the flow cookie

	Authentication string // name of the authentication scheme; "" = mdc.SchemePassword
}

func (e *Engine) requestAt() seal.Context {
	return seal.Context{Purpose: mdc.PurposeFlow, Host: e.signInHost()}
}

func (e *Engine) sealRequest(r Request) (string, error) {
	p := newPacker(payloadRequest)
	p.string(r.Agent)
	p.string(r.Origin)
	p.level(r.Level, r.Domain)
	p.string(r.Authentication)
	p.string(r.Target)
	p.random(r.state)
	p.hash(r.challenge)
	p.time(e.now())
	return seal.Seal(e.cfg.Keys, e.cfg.ClusterID, e.requestAt(), p.b)
}

// OpenRequest reads the request parameter of the sign-in page. After ten minutes it is Expired: the flow cookie of the browser
// is gone, but where the person wanted to go still counts. A fault of kind Invalid when it is forged or older than half a day.
func (e *Engine) OpenRequest(text string) (Request, error) {
	plain, _, err := seal.Open(e.cfg.Keys, e.requestAt(), text)
	if err != nil && !isRefusal(err) {
		return Request{}, err
	}
	u := newUnpacker(payloadRequest, plain)
	r := Request{Agent: u.string(), Origin: u.string()}
	r.Level, r.Domain = u.level()
	r.Authentication, r.Target, r.state, r.challenge = u.string(), u.string(), u.random(), u.hash()
	issued := u.time()
	r.Expired = !e.within(issued, flowLife)
	if err != nil || !u.done() || !e.within(issued, askedLife) {
		return Request{}, errRequest()
	}
	return r, nil
}

func errRequest() error {
	return fault.New(fault.Invalid, "request_invalid", "This sign-in link is not valid any more. Go back to the application and try again.")
}

// Again is where a browser goes whose request has expired meanwhile: the address that the person asked for, where the agent
// asks anew and is answered without a form. a is the agent of r as it is registered now; what is none of its hosts any more
// leads to its start page (SEC-27).
func (r Request) Again(a *mdc.Agent) string {
	u, err := url.Parse(r.Target)
	if err != nil || a.Name != r.Agent || !ownsOrigin(a, u.Scheme, u.Host) {
		return startPage(a)
	}
	return r.Target
}

// within says that a sealed text is neither from the future nor older than life.
func (e *Engine) within(issued time.Time, life time.Duration) bool {
	now := e.now()
	return !issued.After(now.Add(revocation.Skew)) && now.Before(issued.Add(life))
}

// sealFlow makes the flow cookie: state, verifier, agent and where the browser wanted to go.
func (e *Engine) sealFlow(a *mdc.Agent, host string, r *Request, verifier [32]byte) (string, error) {
	p := newPacker(payloadFlow)
	p.random(r.state)
	p.hash(verifier)
	p.string(a.Name)
	p.string(r.Target)
	p.time(e.now())
	return seal.Seal(e.cfg.Keys, e.cfg.ClusterID, agentAt(mdc.PurposeFlow, a.Name, host), p.b)
}

// flowCookie is the content of F.
type flowCookie struct {
	state    random128
	verifier [32]byte
	agent    string
	target   string
}

func (e *Engine) openFlow(a *mdc.Agent, host, text string) (f flowCookie, ok bool) {
	plain, _, err := seal.Open(e.cfg.Keys, agentAt(mdc.PurposeFlow, a.Name, host), text)
	if err != nil {
		return f, false
	}
	u := newUnpacker(payloadFlow, plain)
	f = flowCookie{state: u.random(), verifier: u.hash(), agent: u.string(), target: u.string()}
	issued := u.time()
	return f, u.done() && e.within(issued, flowLife) && f.agent == a.Name
}

// returnURL is where the browser wanted to go, if that is on the agent's own host after parsing and writing it again
// (SEC-27); otherwise the start page. Concord's own paths are no place to return to.
func returnURL(a *mdc.Agent, f Flow) string {
	if len(f.Target) > maxTarget || !strings.HasPrefix(f.Target, "/") {
		return startPage(a)
	}
	u, err := url.Parse(f.Scheme + "://" + f.Host + f.Target)
	if err != nil || u.User != nil || !ownsOrigin(a, u.Scheme, u.Host) || strings.HasPrefix(u.Path, "/.concord/") {
		return startPage(a)
	}
	u.Host, u.Fragment = strings.ToLower(u.Host), ""
	return u.String()
}

// startPage is where people go who have nowhere to return to.
func startPage(a *mdc.Agent) string {
	if a.StartPage != "" {
		return a.StartPage
	}
	if len(a.Hosts) == 0 {
		return ""
	}
	return a.Hosts[0] + "/"
}

// IssueCode is step 3: the callback address with a code that is good for a minute, once, in the browser that holds the flow
// cookie. a is the agent of r as it is registered now; a fault of kind Forbidden when r is not for it.
func (e *Engine) IssueCode(f Found, a *mdc.Agent, r Request) (callback string, err error) {
	scheme, host, _ := strings.Cut(r.Origin, "://")
	if r.Expired {
		return "", errRequest()
	}
	if f.Session == nil || a.Name != r.Agent || !ownsOrigin(a, scheme, host) {
		return "", fault.New(fault.Forbidden, "not_for_this_agent", "The application that you came from is not registered here any more.")
	}
	c := f.claim
	c.Agent, c.Latest, c.Chain, c.Until = a.Name, "", nil, e.now().Add(codeLife)
	p, err := c.pack(payloadCode)
	if err != nil {
		return "", err
	}
	p.random(newRandom())
	p.string(r.Origin)
	p.hash(r.challenge)
	code, err := seal.Seal(e.cfg.Keys, e.cfg.ClusterID, agentAt(mdc.PurposeCode, a.Name, host), p.b)
	if err != nil {
		return "", err
	}
	return r.Origin + "/.concord/callback?code=" + code + "&state=" + r.state.text(), nil
}

// code is the content of C.
type code struct {
	claim
	jti       string
	origin    string
	challenge [32]byte
}

func (e *Engine) openCode(a *mdc.Agent, host, text string) (c code, ok bool) {
	plain, issuer, err := seal.Open(e.cfg.Keys, agentAt(mdc.PurposeCode, a.Name, host), text)
	if err != nil {
		return c, false
	}
	u := newUnpacker(payloadCode, plain)
	c = code{claim: unpackClaim(u), jti: u.random().text(), origin: u.string(), challenge: u.hash()}
	now := e.now()
	return c, u.done() && !c.ahead(now) && c.Until.After(now) && !c.Until.After(now.Add(codeLife+revocation.Skew)) &&
		c.Agent == a.Name && c.Cluster == issuer
}

func isRefusal(err error) bool { return errors.Is(err, seal.ErrOpen) }

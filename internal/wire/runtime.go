package wire

import "time"

// AuthenticateRequest is POST /session/v1/authenticate. With HTTP Basic in Authorization, user and password are left out; a step
// that wants a certificate takes that of the connection.
type AuthenticateRequest struct {
	User          string `json:"user,omitempty"`
	Password      string `json:"password,omitempty"`
	Scheme        string `json:"scheme,omitempty"`         // authentication scheme; default "password"
	IdentityStore string `json:"identity_store,omitempty"` // of the scheme "password" alone; default "local"
}

// AuthenticateAnswer says who signed in; the sign-in cookie is in Set-Cookie.
type AuthenticateAnswer struct {
	User      string    `json:"user"`
	SessionID string    `json:"session_id"`
	SSOID     string    `json:"sso_id"`
	Level     int       `json:"level"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Decisions of an authorization.
const (
	DecisionAllow     = "allow"
	DecisionChallenge = "challenge"
	DecisionDeny      = "deny"
)

// AuthorizeRequest is POST /session/v1/authorize, sent by an agent for one request of a browser.
type AuthorizeRequest struct {
	Method           string `json:"method"`
	Scheme           string `json:"scheme"`                      // http or https, as the browser sees it
	Host             string `json:"host"`                        // host[:port], as the browser sent it
	Target           string `json:"target"`                      // origin form: path[?query], undecoded
	ClientAddress    string `json:"client_address,omitempty"`    // of the browser, as the agent sees it; rules on networks go by it
	Cookie           string `json:"cookie,omitempty"`            // the agent's cookie; "" when absent or sent twice
	InactivityCookie string `json:"inactivity_cookie,omitempty"` //
	Navigation       bool   `json:"navigation,omitempty"`        // the browser wants a page: a challenge may redirect
	FlowCookies      int    `json:"flow_cookies,omitempty"`      // how many flow cookies the browser sent
	Authorization    string `json:"authorization,omitempty"`     // the program's HTTP Basic credentials; sent again with them after a challenge that offers Basic
}

// AuthorizeAnswer is the decision and what to do about it.
type AuthorizeAnswer struct {
	Decision     string            `json:"decision"`
	Reason       string            `json:"reason"`                // the rule that decided, for logs
	Location     string            `json:"location,omitempty"`    // with challenge, for a navigation
	User         string            `json:"user,omitempty"`        //
	Headers      map[string]string `json:"headers,omitempty"`     // for the application
	SetCookies   []string          `json:"set_cookies,omitempty"` // Set-Cookie values for the browser
	CacheSeconds int               `json:"cache_seconds"`         // for how long the same request with the same cookies may be allowed again; 0 = ask each time
	SSOID        string            `json:"sso_id,omitempty"`      // the sign-on that was allowed, as "sid" in a logout token; "" = nobody's

	WWWAuthenticate string `json:"www_authenticate,omitempty"` // with challenge: HTTP Basic, for a program that does not come from a browser's page
	CredentialsUsed bool   `json:"credentials_used,omitempty"` // Authorization was Concord's to read: the application does not get it
}

// RedeemRequest is POST /session/v1/redeem: the callback's code for an agent's cookie.
type RedeemRequest struct {
	Host          string   `json:"host"` // host[:port] of the callback, as the browser sent it
	Scheme        string   `json:"scheme"`
	Code          string   `json:"code"`
	State         string   `json:"state"`
	FlowCookies   []string `json:"flow_cookies"` // each "name=value" that starts with the flow cookie's name
	ClientAddress string   `json:"client_address,omitempty"`
}

// RedeemAnswer is what the agent sends to the browser, with 303.
type RedeemAnswer struct {
	Location   string   `json:"location"`
	SetCookies []string `json:"set_cookies"`
	User       string   `json:"user"`
}

// LogoutRequest is POST /session/v1/logout, sent by an agent with its cookie.
type LogoutRequest struct {
	Cookie string `json:"cookie"`
}

// LogoutAnswer is the receipt and how the browser forgets.
type LogoutAnswer struct {
	Receipt
	Location   string   `json:"location"` // the page that confirms
	SetCookies []string `json:"set_cookies"`
}

// AgentRegistration is GET /session/v1/agent: how the agent that asks is registered, as it counts in the data center that answers.
type AgentRegistration struct {
	Name             string   `json:"name"`
	Primary          []string `json:"primary"`           // NODE=https://host:port, in order; none = those of the agent's own file
	Secondary        []string `json:"secondary"`         // the same, or CLUSTER/NODE=https://host:port
	CookieLifetime   string   `json:"cookie_lifetime"`   // of the agent's cookie
	CookieDomain     string   `json:"cookie_domain"`     // of the inactivity cookie; "" = there is none
	CacheLifetime    string   `json:"cache_lifetime"`    // "0s" = it asks each time
	BackchannelCalls bool     `json:"backchannel_calls"` // whether an address is registered that is told of ended sign-ons
}

// BackchannelEvent is the member of "events" that makes a token a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
const BackchannelEvent = "http://schemas.openid.net/event/backchannel-logout"

// LogoutTokenType is the "typ" of a logout token's header.
const LogoutTokenType = "logout+jwt"

// LogoutToken is what a data center says when a sign-on ends: the claims of "logout_token" in the form that it posts.
type LogoutToken struct {
	Issuer    string              `json:"iss"` // cluster id of the data center that tells
	Audience  string              `json:"aud"` // the agent
	IssuedAt  int64               `json:"iat"`
	ExpiresAt int64               `json:"exp"`
	ID        string              `json:"jti"` // the same when the call is repeated
	Subject   string              `json:"sub"` // the user's name
	SignOn    string              `json:"sid"` // as in the signed assertion
	Events    map[string]struct{} `json:"events"`
}

// Headers with which a web server authenticates as an agent at /forward-auth, over anything that a browser sent.
const (
	HeaderAgent       = "X-Concord-Agent"
	HeaderAgentSecret = "X-Concord-Secret" //nolint:gosec // a header's name
)

// HeaderClientAddress is the browser's address, set by the web server over anything that a browser sent; or the word
// ClientAddressForwarded, for web servers that can set fixed values only.
const (
	HeaderClientAddress    = "X-Concord-Client-Address"
	ClientAddressForwarded = "x-forwarded-for" // the last address of that header, which such a web server writes itself
)

// Headers that tell an application who asks. An empty one says that nobody is named.
const (
	HeaderUser      = "X-Concord-User"
	HeaderGroups    = "X-Concord-Groups"
	HeaderLevel     = "X-Concord-Level"
	HeaderAssertion = "X-Concord-Assertion"
)

// IdentityHeaders lists what an application is told.
func IdentityHeaders() []string {
	return []string{HeaderUser, HeaderGroups, HeaderLevel, HeaderAssertion}
}

// KeySet is a JSON Web Key Set (RFC 7517): /.well-known/jwks.json.
type KeySet struct {
	Keys []JWK `json:"keys"`
}

// JWK is the public half of an Ed25519 key (RFC 8037).
type JWK struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	ID        string `json:"kid"`
	X         string `json:"x"`
}

package session

import (
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

// InactivityCookieName is the cookie on the common domain (OAM-16). Without TLS the prefix falls away.
func InactivityCookieName(secure bool) string {
	if secure {
		return "__Secure-concord_gito"
	}
	return "concord_gito"
}

// inactivity is what the cookie on the common domain says: when and where a sign-on was used last. It is evidence of time
// and place, never of identity: it counts only beside a cookie of the same sign-on and user.
type inactivity struct {
	Cluster string
	ID      mdc.SessionID
	SSOID   mdc.SSOID
	User    string
	Seen    time.Time
	Created time.Time // of the session
}

func inactivityAt(domain string) seal.Context {
	return seal.Context{Purpose: mdc.PurposeGito, Host: domain}
}

func (e *Engine) sealInactivity(domain string, i inactivity) (string, error) {
	p := newPacker(payloadInactivity)
	p.string(i.Cluster)
	if err := p.id(string(i.ID)); err != nil {
		return "", err
	}
	if err := p.id(string(i.SSOID)); err != nil {
		return "", err
	}
	p.string(i.User)
	p.time(i.Seen)
	p.time(i.Created)
	return seal.Seal(e.cfg.Keys, e.cfg.ClusterID, inactivityAt(domain), p.b)
}

// witness adds what an inactivity cookie proves to a claim. One that does not open, is of another sign-on or user, or of
// the future, is as good as none (SEC-09).
func (e *Engine) witness(c *claim, text string) {
	domain := e.cfg.Policies.SessionPolicy().GitoCookieDomain
	if domain == "" || text == "" {
		return
	}
	plain, _, err := seal.Open(e.cfg.Keys, inactivityAt(domain), text)
	if err != nil {
		return
	}
	u := newUnpacker(payloadInactivity, plain)
	i := inactivity{Cluster: u.string(), ID: u.sessionID(), SSOID: u.ssoID(), User: u.string(), Seen: u.time(), Created: u.time()}
	if !u.done() || i.SSOID != c.SSOID || !mdc.SameName(i.User, c.User) || i.Seen.After(e.now().Add(revocation.Skew)) || !i.Seen.After(c.Seen) {
		return
	}
	c.Seen, c.Newer = i.Seen, i.Cluster
}

// inactivityCookie is the cookie to set with an authorization at an agent's host; "" where the host does not lie under the
// domain. An application is not kept from its answer by a keyset that is not here yet.
func (e *Engine) inactivityCookie(s *mdc.Session, domain, scheme, host string) string {
	if !mdc.UnderDomain(hostName(host), domain) {
		return ""
	}
	text, err := e.sealInactivity(domain, inactivity{Cluster: e.cfg.ClusterID, ID: s.ID, SSOID: s.SSOID, User: s.User, Seen: e.now(), Created: s.CreatedAt})
	if err != nil {
		e.cfg.Logger.Debug("inactivity cookie is not set", "error", err)
		return ""
	}
	return setDomainCookie(domain, text, e.SecureCookies(scheme))
}

// setDomainCookie is the value of the Set-Cookie header; without a text it clears the cookie.
func setDomainCookie(domain, text string, secure bool) string {
	var b strings.Builder
	b.Grow(len(text) + len(domain) + 96)
	b.WriteString(InactivityCookieName(secure))
	b.WriteString("=" + text + "; Path=/; Domain=" + domain)
	if text == "" {
		b.WriteString("; Max-Age=0")
	}
	if secure {
		b.WriteString("; Secure")
	}
	b.WriteString("; HttpOnly; SameSite=Lax")
	return b.String()
}

// forgetInactivity clears the cookie from a host that lies under its domain.
func (e *Engine) forgetInactivity(host string, secure bool) []string {
	domain := e.cfg.Policies.SessionPolicy().GitoCookieDomain
	if domain == "" || !mdc.UnderDomain(hostName(host), domain) {
		return nil
	}
	return []string{setDomainCookie(domain, "", secure)}
}

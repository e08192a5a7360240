package session

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

// maxChain is how many visited data centers a sign-in cookie remembers (OAM-14).
const maxChain = 8

// claim is what a cookie or code says about a sign-on: enough to find its session anywhere, or to make one (OAM-33). The
// proof is the sign-on's, the same in every data center; stores keep only its SHA-256.
type claim struct {
	Cluster         string // data center of ID
	ID              mdc.SessionID
	Proof           random128
	SSOID           mdc.SSOID
	User, Store     string
	Level           int
	LevelDomain     string // as of mdc.Session
	AuthenticatedAt time.Time
	ExpiresAt       time.Time // absolute
	Seen            time.Time // latest evidence of activity: last access, or when an agent's cookie was issued
	Latest          string    // sign-in cookie: data center visited last
	Chain           []string  // sign-in cookie: visited data centers, newest last
	Agent           string    // agent cookie and code
	Until           time.Time // agent cookie: its own expiry; otherwise ExpiresAt
	Newer           string    // never packed: data center of an inactivity cookie that is newer than Seen was
}

// pack writes a claim behind the payload's kind.
func (c claim) pack(kind byte) (*packer, error) {
	p := newPacker(kind)
	p.string(c.Cluster)
	if err := p.id(string(c.ID)); err != nil {
		return nil, err
	}
	p.random(c.Proof)
	if err := p.id(string(c.SSOID)); err != nil {
		return nil, err
	}
	p.string(c.User)
	p.string(c.Store)
	p.level(c.Level, c.LevelDomain)
	for _, t := range [...]time.Time{c.AuthenticatedAt, c.ExpiresAt, c.Seen, c.Until} {
		p.time(t)
	}
	p.string(c.Latest)
	p.strings(c.Chain)
	p.string(c.Agent)
	return p, nil
}

func unpackClaim(u *unpacker) claim {
	c := claim{Cluster: u.string(), ID: u.sessionID(), Proof: u.random(), SSOID: u.ssoID(), User: u.string(), Store: u.string()}
	c.Level, c.LevelDomain = u.level()
	c.AuthenticatedAt, c.ExpiresAt, c.Seen, c.Until = u.time(), u.time(), u.time(), u.time()
	c.Latest, c.Chain, c.Agent = u.string(), u.strings(maxChain), u.string()
	return c
}

// sealClaim seals a claim alone. The text is some 200 bytes; with the longest names that there are it stays below 2,000, so
// nothing ever has to be left out.
func (e *Engine) sealClaim(kind byte, at seal.Context, c claim) (string, error) {
	p, err := c.pack(kind)
	if err != nil {
		return "", fmt.Errorf("seal claim of %s: %w", c.SSOID, err)
	}
	return seal.Seal(e.cfg.Keys, e.cfg.ClusterID, at, p.b)
}

// openClaim opens a claim that stands alone; seal.ErrOpen when it is not exactly that.
func (e *Engine) openClaim(kind byte, at seal.Context, text string) (claim, error) {
	plain, _, err := seal.Open(e.cfg.Keys, at, text)
	if err != nil {
		return claim{}, err
	}
	u := newUnpacker(kind, plain)
	c := unpackClaim(u)
	if !u.done() || c.ahead(e.now()) {
		return claim{}, seal.ErrOpen
	}
	return c, nil
}

// ahead says that a time is further in the future than clocks may differ (FLT-09).
func (c *claim) ahead(now time.Time) bool {
	latest := now.Add(revocation.Skew)
	return c.AuthenticatedAt.After(latest) || c.Seen.After(latest)
}

func (c *claim) userKey() string { return revocation.UserKey(c.Store, c.User) }

// visited lists where a session of the claim may be, the likeliest first, without repeats and without this data center.
// wentTo is where it was taken over from here, or "".
func (c *claim) visited(wentTo, self string, registered []string) []string {
	named := append([]string{wentTo, c.Newer, c.Cluster, c.Latest}, reversed(c.Chain)...)
	var out []string
	for _, n := range named {
		for _, r := range registered {
			if mdc.SameName(n, r) && !mdc.SameName(n, self) && !containsCluster(out, n) && len(out) < maxCandidates {
				out = append(out, r)
			}
		}
	}
	return out
}

// fits says whether s is the session of the claim's sign-on. The proof is compared in constant time.
func (c *claim) fits(s *mdc.Session) bool {
	h := sha256.Sum256(c.Proof[:])
	return subtle.ConstantTimeCompare(h[:], s.ProofHash) == 1 && s.SSOID == c.SSOID && c.sameSignOn(s) && s.Level <= c.Level && s.LevelDomain == c.LevelDomain
}

func (c *claim) sameSignOn(s *mdc.Session) bool {
	return mdc.SameName(s.User, c.User) && s.Store == c.Store &&
		s.AuthenticatedAt.Equal(c.AuthenticatedAt) && s.ExpiresAt.Equal(c.ExpiresAt)
}

func reversed(ss []string) []string {
	out := make([]string, 0, len(ss))
	for i := len(ss) - 1; i >= 0; i-- {
		out = append(out, ss[i])
	}
	return out
}

func containsCluster(list []string, id string) bool {
	for _, c := range list {
		if mdc.SameName(c, id) {
			return true
		}
	}
	return false
}

// addCluster gives list with id, without repeats and never longer than others take; the list given is not changed.
func addCluster(list []string, id string) []string {
	if id == "" || len(list) >= mdc.MaxMembers || containsCluster(list, id) {
		return list
	}
	return append(append(make([]string, 0, len(list)+1), list...), id)
}

package mdc

import "time"

// Ids of the runtime. Each is 128 random bits, base64url without padding.
type (
	SessionID string // one data center's session
	SSOID     string // one sign-in, the same in every data center
)

// MaxIndex is the largest number of incoming session ids that one session answers for (OAM-17).
const MaxIndex = 16

// MaxMembers is the largest number of other data centers that one session knows to have the sign-on too.
const MaxMembers = 128

// Origin is where a session was adopted from.
type Origin struct {
	ClusterID string    `json:"cluster_id"`
	SessionID SessionID `json:"session_id"`
}

// LevelElsewhere is what a level is worth, at most, to applications of other security domains than the one that its scheme belongs to:
// who somebody is has been proved, and how strongly is a word of that domain's administrators.
const LevelElsewhere = 1

// LevelIn is what a level of a scheme of one security domain ("" = of none) is worth to an application of another ("" = of none).
func LevelIn(level int, of, application string) int {
	if of == "" || of == application {
		return level
	}
	return min(level, LevelElsewhere)
}

// LevelIn is what the session's level is worth to an application of a security domain.
func (s *Session) LevelIn(application string) int {
	return LevelIn(s.Level, s.LevelDomain, application)
}

// Session is one sign-in in one data center (OAM-18).
type Session struct {
	ID              SessionID         `json:"id"`
	ProofHash       []byte            `json:"proof_hash"` // SHA-256 of the proof; never listed
	SSOID           SSOID             `json:"sso_id"`
	User            string            `json:"user"`
	Store           string            `json:"store"` // identity store's name
	Attributes      map[string]string `json:"attributes,omitempty"`
	Groups          []string          `json:"groups,omitempty"`
	Level           int               `json:"level"`
	LevelDomain     string            `json:"level_domain,omitempty"` // security domain of the scheme: beyond it the level is LevelElsewhere at most; "" = it counts everywhere
	Scheme          string            `json:"scheme,omitempty"`       // authentication scheme of the sign-in; "" where only a cookie told of it
	Methods         []string          `json:"methods,omitempty"`      // of the scheme's steps, in order; likewise
	ClientAddress   string            `json:"client_address,omitempty"`
	CreatedAt       time.Time         `json:"created_at"`
	AuthenticatedAt time.Time         `json:"authenticated_at"`
	ExpiresAt       time.Time         `json:"expires_at"` // absolute, never moves
	LastAccess      time.Time         `json:"last_access"`
	Origin          *Origin           `json:"origin,omitempty"` // nil: signed in here
	Index           []SessionID       `json:"index,omitempty"`  // incoming ids it answers for
	Members         []string          `json:"members,omitempty"`
	Rule            string            `json:"rule,omitempty"`           // that made it: signed_in, adopted_found, adopted_cookie, adopted_alone; "" of an older version
	Chain           []string          `json:"chain,omitempty"`          // data centers that the sign-on had been to when this was made, the last one last
	DegradedSince   *time.Time        `json:"degraded_since,omitempty"` // made from a cookie and not confirmed yet
}

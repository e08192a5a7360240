package session

import "errors"

// Rules say what decided; the audit and metrics keep them. The first group allows, the others challenge.
const (
	SignedIn        = "signed_in"
	Reauthenticated = "reauthenticated" // the password was given again for a sign-on of elsewhere (OAM-21)
	FoundLocal      = "found_local"     // by its id
	FoundIndex      = "found_index"     // by an id of another data center (OAM-17)
	FoundSSO        = "found_sso"       // by the sign-on, under an id that came for the first time
	AdoptedFound    = "adopted_found"   // retrieved (OAM-30)
	AdoptedCookie   = "adopted_cookie"  // made from the cookie: retrieval is off (OAM-33)
	AdoptedAlone    = "adopted_alone"   // made from the cookie, degraded: nobody could be asked (OAM-32)

	ChallengeNoCookie    = "challenge_no_cookie"
	ChallengeBadCookie   = "challenge_bad_cookie" // does not open here, for this agent and host
	ChallengeHost        = "challenge_host"       // the origin is none of the agent's hosts
	ChallengeExpired     = "challenge_expired"
	ChallengeIdle        = "challenge_idle"
	ChallengeTombstone   = "challenge_tombstone"   // signed out
	ChallengeUser        = "challenge_user"        // absent or disabled here
	ChallengeMismatch    = "challenge_mismatch"    // proof, user or times are not those of the session
	ChallengeEnded       = "challenge_ended"       // a partner says so
	ChallengeUnknown     = "challenge_unknown"     // no data center that may be asked knows it (X3)
	ChallengeRefused     = "challenge_refused"     // a partner's answer cannot be trusted
	ChallengeUnreachable = "challenge_unreachable" // OAM-31
	ChallengeDegraded    = "challenge_degraded"    // not confirmed within max_degraded_age
	ChallengeCodeUsed    = "challenge_code_used"

	ChallengeReauthenticate = "challenge_reauthenticate" // a session of elsewhere, and the policy wants the password (OAM-21)
	ChallengeLimit          = "challenge_limit"          // max_sessions_per_user
	ChallengeCapacity       = "challenge_capacity"       // session_capacity of this data center
)

var (
	// ErrRefused marks a partner's answer that is none: TLS identity, 401, 403, undecodable.
	ErrRefused = errors.New("session: partner refused")
	// ErrUnreachable marks a partner that did not answer: time-out, connection, 429, 5xx.
	ErrUnreachable = errors.New("session: partner unreachable")
)

package httpapi

import (
	"fmt"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

// request words a fate.
func (q *simulation) request(f *session.Fate) wire.SimulatedRequest {
	r := wire.SimulatedRequest{Origin: f.SignOn.At, At: f.At, SSOID: string(f.SignOn.SSOID), Rule: f.Rule, Row: q.row(f.Rule), From: f.From, Then: f.Then, Lost: []wire.SimulatedLoss{}}
	switch {
	case f.Served():
		r.Outcome = wire.OutcomeServed
	case f.SignIn != "":
		r.Outcome, r.SignIn = wire.OutcomeRefused, f.SignIn
	case f.Kept:
		r.Outcome, r.SignIn = wire.OutcomeChallenged, wire.SignInContinues
	default:
		r.Outcome, r.SignIn = wire.OutcomeChallenged, wire.SignInBegins
	}
	if f.Rule == session.AdoptedAlone {
		r.Lasts = q.policy.MaxDegradedAge.String()
	}
	for _, l := range f.Losses {
		detail, until := q.loss(l, f)
		r.Lost = append(r.Lost, wire.SimulatedLoss{What: l.What, Of: append([]string{}, l.Of...), Detail: detail, Until: until})
	}
	r.Sentence = strings.TrimSpace(q.sentence(f) + " " + password(f))
	return r
}

// row is the id under which docs/capabilities.md has a rule; "" where it has none.
func (q *simulation) row(rule string) string {
	switch rule {
	case session.FoundLocal, session.FoundIndex, session.FoundSSO:
		return "OAM-17"
	case session.AdoptedFound:
		if q.policy.Anchored {
			return "OAM-29"
		}
		return "OAM-30"
	case session.AdoptedCookie:
		return "OAM-33"
	case session.AdoptedAlone, session.ChallengeDegraded:
		return "OAM-32"
	case session.ChallengeUnreachable:
		return "OAM-31"
	case session.ChallengeReauthenticate:
		return "OAM-21"
	case session.ChallengeUnknown, session.ChallengeRefused:
		return "X3"
	case session.ChallengeCapacity:
		return "CAMS-10"
	}
	return ""
}

// sentence says what happens and why.
func (q *simulation) sentence(f *session.Fate) string {
	silent := strings.Join(f.Silent, ", ")
	switch f.Rule {
	case session.FoundLocal, session.FoundIndex, session.FoundSSO:
		return fmt.Sprintf("%s has a session of its own and finds it; nobody else is asked.", f.At)
	case session.AdoptedFound:
		if q.policy.Anchored {
			return fmt.Sprintf("%s gives the session with all that belongs to it; it goes on at %s and ends at %s.", f.From, f.At, f.From)
		}
		return fmt.Sprintf("%s gives the session with all that belongs to it; it goes on at both.", f.From)
	case session.AdoptedCookie:
		return fmt.Sprintf("retrieve_on_demand is off, so %s makes the session from the cookie and asks nobody.", f.At)
	case session.AdoptedAlone:
		return fmt.Sprintf("%s does not answer, and continue_on_sync_failure is on: %s makes the session from the cookie. It lasts max_degraded_age (%s), or longer if it is confirmed by then.", silent, f.At, q.policy.MaxDegradedAge)
	case session.ChallengeUnreachable:
		return fmt.Sprintf("%s does not answer, and the session is made from no cookie%s: the password is asked for.", silent, q.why())
	case session.ChallengeReauthenticate:
		return fmt.Sprintf("reauthenticate is on: %s asks for the password wherever the session is of elsewhere.", f.At)
	case session.ChallengeUnknown:
		return fmt.Sprintf("No data center that %s may ask has the session: the password is asked for.", f.At)
	case session.ChallengeRefused:
		return fmt.Sprintf("%s and %s do not accept each other: the password is asked for.", f.At, silent)
	case session.ChallengeDegraded:
		return fmt.Sprintf("The session was made from the cookie and nobody confirmed it within max_degraded_age (%s): the password is asked for.", q.policy.MaxDegradedAge)
	case session.ChallengeUser:
		return "The user is disabled, so no session of theirs is used."
	case session.ChallengeCapacity:
		return fmt.Sprintf("%s holds as many sessions as session_capacity lets it, so it makes no other.", f.At)
	}
	return ""
}

// why says what keeps a session from being made although nobody answers.
func (q *simulation) why() string {
	if q.policy.ContinueOnSyncFailure {
		return " (another one that was asked does not know it)"
	}
	return " (continue_on_sync_failure is off)"
}

// password says what it does for who is challenged.
func password(f *session.Fate) string {
	switch {
	case f.Served():
		return ""
	case f.SignIn == session.ChallengeLimit:
		return "It does not help: max_sessions_when_partitioned is deny."
	case f.SignIn == session.ChallengeCapacity && f.Rule != session.ChallengeCapacity:
		return fmt.Sprintf("It does not help: %s holds as many sessions as session_capacity lets it.", f.At)
	case f.SignIn != "":
		return ""
	case f.Kept:
		return "The sign-on goes on with it."
	}
	return "A new sign-on begins with it."
}

// loss says what is lost and until when.
func (q *simulation) loss(l session.Loss, f *session.Fate) (detail, until string) {
	of := strings.Join(l.Of, ", ")
	back := "until " + of + " can be reached again"
	switch l.What {
	case session.LossSession:
		return "What belonged to the session is not taken over; attributes, groups and idle time begin anew.", "for good"
	case session.LossAttributes:
		if f.Rule == session.AdoptedCookie {
			return "Attributes and groups are those that the identity store gives here, not those of the session.", "for good"
		}
		return "Attributes and groups are those that the identity store gives here; changes to the session at " + of + " are not known.", "until " + of + " confirms the session"
	case session.LossIdleTime:
		return "There is no gito_cookie_domain, so only what the sign-in host saw counts as use: who was last there idle_timeout ago (" + q.policy.IdleTimeout.String() + ") is asked for the password.", "until the next request"
	case session.LossSignOuts:
		return "A sign-out at " + of + " is not known here, so who signed out there is served here with a cookie that was kept.", back + ", at the latest until lifetime is over (" + q.policy.Lifetime.String() + ")"
	case session.LossLimit:
		return "Sign-ons at " + of + " do not count for max_sessions_per_user (max_sessions_when_partitioned is " + q.policy.MaxSessionsWhenPartitioned + ").", back
	case session.LossAnchor:
		return "The session at " + of + " does not end, so the sign-on has two although the policy is anchored.", back
	}
	return "", ""
}

package assertion

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Life is for how long an assertion is good; reuse for how long the same one is given again.
const (
	Life  = time.Minute
	reuse = 30 * time.Second
)

// claims are what an assertion says (RFC 7519); the order of the fields is that of the text.
type claims struct {
	Issuer          string   `json:"iss"` // cluster id of the data center that decided
	Audience        string   `json:"aud"` // the agent
	Subject         string   `json:"sub"` // the user's name
	IssuedAt        int64    `json:"iat"`
	ExpiresAt       int64    `json:"exp"`
	AuthenticatedAt int64    `json:"auth_time"`
	SignOn          string   `json:"sid"` // the same in every data center; the logout token names it too
	Store           string   `json:"identity_store"`
	Groups          []string `json:"groups"`
	Level           int      `json:"level"`
	Scheme          string   `json:"acr,omitempty"` // authentication scheme (OpenID Connect Core section 2); absent where it is not known
	Methods         []string `json:"amr,omitempty"` // RFC 8176; likewise
}

// methods are the steps of a sign-in in the words of RFC 8176: pwd for a password, pop for the possession of a key, and mfa
// where both were asked for.
func methods(steps []string) (out []string) {
	for _, m := range steps {
		word := "pwd"
		if m == mdc.MethodCertificate {
			word = "pop"
		}
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	if len(out) > 1 {
		out = append(out, "mfa")
	}
	return out
}

// Assert gives the assertion of a session for an agent. The session must be one that the policy has just let through.
func (s *Signer) Assert(agent string, v *mdc.Session) (string, error) {
	now := s.c.Clock.Now()
	k := s.current(now)
	if e, ok := s.memory.get(agent, v, k, now); ok {
		return e.text, nil
	}
	expires := now.Add(Life)
	if v.ExpiresAt.Before(expires) {
		expires = v.ExpiresAt
	}
	payload, err := json.Marshal(claims{Issuer: s.c.ClusterID, Audience: agent, Subject: v.User, IssuedAt: now.Unix(), ExpiresAt: expires.Unix(),
		AuthenticatedAt: v.AuthenticatedAt.Unix(), SignOn: string(v.SSOID), Store: v.Store, Groups: append([]string{}, v.Groups...), Level: v.Level,
		Scheme: v.Scheme, Methods: methods(v.Methods)})
	if err != nil {
		return "", fmt.Errorf("encode assertion: %w", err)
	}
	text := k.sign(payload)
	s.memory.put(agent, v, k, now, text)
	return text, nil
}

// Rendered gives what render makes of the assertion of a session for an agent. It is kept as long as the assertion is, so it may
// depend on nothing else but the session and form, a name for what else went into it.
func (s *Signer) Rendered(agent string, v *mdc.Session, form string, render func(signed string) (string, error)) (string, error) {
	now := s.c.Clock.Now()
	if e, ok := s.memory.get(agent, v, s.current(now), now); ok && e.form == form && e.rendered != "" {
		return e.rendered, nil
	}
	signed, err := s.Assert(agent, v)
	if err != nil {
		return "", err
	}
	text, err := render(signed)
	if err == nil {
		s.memory.render(agent, v, signed, form, text)
	}
	return text, err
}

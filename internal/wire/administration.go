package wire

import "time"

// AdminTokenRequest is the body of POST /v1/admin-tokens: the server makes the token.
type AdminTokenRequest struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Roles       []string   `json:"roles"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"` // not together with TTL; neither = never
	TTL         string     `json:"ttl,omitempty"`        // a duration
}

// AdminTokenMade is a token with its text, which is answered this once.
type AdminTokenMade struct {
	AdminTokenView
	Secret string `json:"secret"` // what is sent as Authorization: Bearer
}

// SecurityContextRequest is the body of POST /v1/security-contexts.
type SecurityContextRequest struct {
	User     string `json:"user"`
	Password string `json:"password"`
	TTL      string `json:"ttl,omitempty"` // 1m to 1h, default 15m
}

// SecurityContextView is an administrator who is signed in with a password.
type SecurityContextView struct {
	ID             string    `json:"id"`
	User           string    `json:"user"`
	ClientAddress  string    `json:"client_address,omitempty"`
	OpenedAt       time.Time `json:"opened_at"`
	ExpiresAt      time.Time `json:"expires_at"`      // unless it is renewed
	RenewableUntil time.Time `json:"renewable_until"` // then the password is needed again
	Current        bool      `json:"current,omitempty"`
}

// SecurityContextOpened is a security context with its token, which is answered this once.
type SecurityContextOpened struct {
	SecurityContextView
	ClusterID string `json:"cluster_id"` // where it is good, and nowhere else
	Token     string `json:"token"`
}

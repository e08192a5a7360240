package wire

import "encoding/json"

// Setting is the writable half of /v1/settings/{name}.
type Setting struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Value       string `json:"value"` // up to 64 KiB; Concord gives it no meaning
}

// SettingView is a setting as it is answered.
type SettingView struct {
	Setting
	ID         string   `json:"id"`
	Overridden []string `json:"overridden,omitempty"` // JSON pointers of what an override gives in this data center
}

// Override is the writable half of /v1/overrides/{kind}/{name}.
type Override struct {
	Kind   string          `json:"kind"` // session_policy, setting, application, agent, authorization_policy
	Name   string          `json:"name"` // "default" for the session policy
	Values json.RawMessage `json:"values"`
	// BindPassword is write-only: the password of an identity store, where the values give it other servers or less trust in them.
	BindPassword string `json:"bind_password,omitempty"`
}

// OverrideView is an override as it is answered. One that is not applied changes nothing, and Reason says what to change.
type OverrideView struct {
	Override
	ID      string `json:"id"` // kind/name
	Applied bool   `json:"applied"`
	Reason  string `json:"reason,omitempty"`
}

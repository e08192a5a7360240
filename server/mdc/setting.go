package mdc

import (
	"unicode/utf8"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// MaxSetting is the longest value of a setting, in bytes.
const MaxSetting = 64 << 10

// Setting is a named text that is the same in every data center. Concord keeps it for the programs around it and gives
// it no meaning; who needs structure writes JSON into it.
type Setting struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Value       string `json:"value"`
}

// SettingKind describes settings.
func SettingKind() Kind {
	return Kind{Name: "setting", Collection: "settings", Scope: Replicated, Overridable: true, New: func() Object { return &Setting{} }}
}

// ObjectName is the setting's name.
func (s *Setting) ObjectName() string { return s.Name }

// Normalize has nothing to do: the value is kept to the byte.
func (s *Setting) Normalize() {}

// Validate checks name and lengths; line ends are allowed in the value.
func (s *Setting) Validate() []fault.Field {
	var c checks
	c.name("/name", s.Name)
	c.text("/description", s.Description, 1024)
	c.want(len(s.Value) <= MaxSetting, "/value", "is %d bytes long; at most %d are allowed", len(s.Value), MaxSetting)
	c.want(utf8.ValidString(s.Value), "/value", "is not UTF-8")
	return c.fields
}

// References gives none.
func (s *Setting) References() []Reference { return nil }

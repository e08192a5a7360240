package mdc

import "github.com/concord-access/terraform-provider-concord/internal/fault"

// PasswordPolicy is what a new password of the local identity store must be, the same in every data center.
type PasswordPolicy struct {
	MinLength   int `json:"min_length"`   // characters, 8 to 128
	MinStrength int `json:"min_strength"` // 0 = whatever is long enough; 1 to 4 = guesses needed: above 10^3, 10^6, 10^8, 10^10
}

// PasswordPolicyKind describes the password policy singleton.
func PasswordPolicyKind() Kind {
	return Kind{Name: "password_policy", Collection: "password-policy", Scope: Replicated, Singleton: true,
		New: func() Object { return DefaultPasswordPolicy() }}
}

// DefaultPasswordPolicy has the documented defaults.
func DefaultPasswordPolicy() *PasswordPolicy { return &PasswordPolicy{MinLength: MinPassword} }

// MinPassword is the shortest password, in bytes, that any policy lets pass.
const MinPassword = 8

// ObjectName is SingletonName.
func (p *PasswordPolicy) ObjectName() string { return SingletonName }

// Normalize has nothing to do.
func (p *PasswordPolicy) Normalize() {}

// Validate checks the bounds.
func (p *PasswordPolicy) Validate() []fault.Field {
	var c checks
	c.want(p.MinLength >= MinPassword && p.MinLength <= 128, "/min_length", "%d is not between %d and 128", p.MinLength, MinPassword)
	c.want(p.MinStrength >= 0 && p.MinStrength <= 4, "/min_strength", "%d is not between 0 and 4", p.MinStrength)
	return c.fields
}

// References gives none.
func (p *PasswordPolicy) References() []Reference { return nil }

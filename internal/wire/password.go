package wire

// PasswordPolicy is the body of /v1/password-policy; what is absent is as by default.
type PasswordPolicy struct {
	MinLength   *int `json:"min_length,omitempty"`   // 8 to 128, default 8
	MinStrength *int `json:"min_strength,omitempty"` // 0 to 4, default 0
}

// PasswordPolicyView is the password policy as it is answered: every field set.
type PasswordPolicyView struct {
	PasswordPolicy
	ID string `json:"id"`
}

// PasswordChange is POST /peer/v1/accounts/password: what a person gave at a clone. The master looks at the password itself.
type PasswordChange struct {
	User        string `json:"user"`
	Password    string `json:"password"`
	NewPassword string `json:"new_password,omitempty"` // "" = only hash the present one anew
	Source      string `json:"source,omitempty"`       // address that it came from
}

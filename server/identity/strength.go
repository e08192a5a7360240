package identity

import (
	"fmt"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// judged is how much of a password its strength is estimated by, in bytes: the estimate costs more than the square of it.
const judged = 64

// Weak says why a policy does not take a new password of u, as the end of a sentence that begins with the password; "" = it does.
// Words that stand in the user's own names are as weak as any word of a dictionary.
func Weak(p *mdc.PasswordPolicy, u *mdc.User, plain string) string {
	if n := utf8.RuneCountInString(plain); n < p.MinLength {
		return fmt.Sprintf("is shorter than %d characters", p.MinLength)
	}
	if len(plain) > MaxPassword {
		return fmt.Sprintf("is longer than %d bytes", MaxPassword)
	}
	if p.MinStrength > 0 && zxcvbn.PasswordStrength(plain[:min(len(plain), judged)], []string{u.Name, u.DisplayName, u.Email}).Score < p.MinStrength {
		return "is too easy to guess; choose more, or rarer, words"
	}
	return ""
}

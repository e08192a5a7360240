package ldap

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// CodeDown is the code of the fault for a directory of which no server could be asked: nothing was looked at, so nothing
// counts as a guess, and no session ends by it.
const CodeDown = "identity_store_down"

var (
	errTooMany = errors.New("more entries than are allowed")
	errBusy    = errors.New("all connections are in use")
	errAllDown = errors.New("every server was down a moment ago and is not asked again yet")
)

// refusesBind says that the directory was asked for a password and said no (RFC 4511 appendix A). Everything else is trouble.
func refusesBind(err error) bool {
	return hasCode(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultInsufficientAccessRights,
		ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultConstraintViolation, ldap.LDAPResultUnwillingToPerform)
}

// answered says that a server did its work, whatever it says: another one would say the same.
func answered(u use, err error) bool {
	switch {
	case err == nil, errors.Is(err, errTooMany):
		return true
	case errors.Is(err, errRefusedAccount):
		return false
	case u == binds:
		return refusesBind(err)
	}
	return hasCode(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultInsufficientAccessRights)
}

func hasCode(err error, codes ...uint16) bool {
	e, ok := errors.AsType[*ldap.Error](err)
	return ok && slices.Contains(codes, e.ResultCode)
}

// brief is an error for the log: a directory may say as much as it likes.
func brief(err error) string {
	text := err.Error()
	return text[:min(len(text), 500)]
}

// trouble words for people why a directory could not be asked, and tells the log.
func (s *Store) trouble(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok && fault.CodeOf(err) == CodeUnusable {
		s.log.Warn("a person of the directory cannot be used", "error", errors.Unwrap(err))
		return err
	}
	if errors.Is(err, context.Canceled) {
		return err // nobody waits for it any more
	}
	s.log.Warn("the directory cannot be asked", "error", brief(err))
	f := fault.New(fault.Unavailable, CodeDown, "The directory that knows your account cannot be reached at this moment. Try again in a few minutes.")
	f.RetryAfter, f.Err = 10*time.Second, errors.New(brief(err))
	return f
}

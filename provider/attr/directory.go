package attr

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// What a directory's address and the names of its attributes look like, compiled once.
var (
	directoryURL  = regexp.MustCompile(`^ldaps?://[^/@?#%\\\s]+$`)
	directoryName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$`)
)

// DirectoryURL accepts the address of a server of an LDAP directory. What is refused is not repeated: it may hold a password.
func DirectoryURL() validator.String {
	return stringvalidator.All(stringvalidator.LengthAtMost(512), stringvalidator.RegexMatches(directoryURL,
		"must be ldaps://host:port or ldap://host:port, and nothing behind it"), rule{"the address of a directory: ldaps://host:port or ldap://host:port", validDirectoryURL})
}

func validDirectoryURL(s string) bool {
	if strings.ContainsAny(s, "@") {
		return true // refused without being repeated
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") {
		return false
	}
	port, err := strconv.Atoi(u.Port())
	return u.Port() == "" || err == nil && port > 0 && port < 65536
}

// DirectoryAttribute accepts the name of an attribute of an LDAP directory.
func DirectoryAttribute() validator.String {
	return stringvalidator.RegexMatches(directoryName, "must be the name of an attribute of the directory: letters, digits, - and .")
}

// Filter accepts a search filter (RFC 4515) that holds one of these placeholders at least and no other one.
func Filter(placeholders ...string) validator.String {
	return rule{"a search filter in parentheses, such as (uid={user}), with " + strings.Join(placeholders, " or "), func(s string) bool {
		rest := s
		for _, p := range placeholders {
			rest = strings.ReplaceAll(rest, p, "")
		}
		return len(s) <= 1024 && rest != s && !strings.ContainsAny(rest, "{}") && enclosed(s)
	}}
}

// enclosed says whether the first parenthesis is the one that the last one closes.
func enclosed(s string) bool {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth <= 0 && i < len(s)-1 {
			return false
		}
	}
	return s != "" && s[0] == '(' && depth == 0
}

// InClear says whether a directory of this address is talked with in clear over a network.
func InClear(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "ldap" && u.Hostname() != "localhost" && u.Hostname() != "::1" && !strings.HasPrefix(u.Hostname(), "127.")
}

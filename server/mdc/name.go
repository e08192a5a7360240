package mdc

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/privatekey"
)

// MaxName is the longest name of an object, in bytes.
const MaxName = 128

// ValidName says whether s matches [A-Za-z0-9][A-Za-z0-9._@+-]{0,127}.
func ValidName(s string) bool {
	if s == "" || len(s) > MaxName || !alnum(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !alnum(s[i]) && !strings.ContainsRune("._@+-", rune(s[i])) {
			return false
		}
	}
	return true
}

// ValidAgentName says whether s matches [A-Za-z0-9-]{1,64}: it becomes part of a cookie's name (SEC-14).
func ValidAgentName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if !alnum(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}

// ValidClusterID says whether s is 1-63 of A-Z a-z 0-9 and starts with a letter (CAMS-01, OAM-05). Node names obey the same rule.
func ValidClusterID(s string) bool {
	if s == "" || len(s) > 63 || (s[0] >= '0' && s[0] <= '9') {
		return false
	}
	for i := range len(s) {
		if !alnum(s[i]) {
			return false
		}
	}
	return true
}

// FoldName is the spelling under which names that compare without case are kept. Names are ASCII, so this is exact.
func FoldName(s string) string { return strings.ToLower(s) }

// SameName says whether two names that compare without case, such as cluster ids, are one: it costs less than to fold both.
// The lengths keep out letters beyond ASCII that fold to one of it.
func SameName(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

func alnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// checks collects faults of one object.
type checks struct{ fields []fault.Field }

func (c *checks) want(ok bool, pointer, format string, args ...any) {
	if !ok {
		c.fields = append(c.fields, fault.Field{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
	}
}

func (c *checks) name(pointer, s string) {
	c.want(ValidName(s), pointer, "%q is no valid name: 1 to 128 of letters, digits and . _ @ + -, starting with a letter or digit", clip(s))
}

func (c *checks) text(pointer, s string, limit int) {
	c.want(len(s) <= limit, pointer, "is %d bytes long; at most %d are allowed", len(s), limit)
	c.want(printable(s), pointer, "holds control characters or is not UTF-8")
}

func validText(s string, limit int) bool { return len(s) <= limit && printable(s) }

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func (c *checks) oneOf(pointer, s string, allowed ...string) {
	c.want(slices.Contains(allowed, s), pointer, "%q is not one of %s", clip(s), strings.Join(allowed, ", "))
}

func (c *checks) hostPort(pointer, s string) {
	h, p, err := net.SplitHostPort(s)
	n, perr := strconv.Atoi(p)
	c.want(err == nil && perr == nil && h != "" && n > 0 && n < 65536 && len(s) <= 300 && !strings.ContainsAny(s, " /@?#\t\r\n"),
		pointer, "%q is not host:port", clip(s))
}

// clipped is a value in a fault. It is read only where it is shown: to tell whether it is a key costs more than all other checks of
// an object that is as it should be.
type clipped string

// clip keeps a value short in a fault. A key that was pasted into the wrong place is not repeated at all.
func clip(s string) clipped { return clipped(s) }

// String is the value as it may be shown.
func (c clipped) String() string {
	s := string(c)
	switch {
	case privatekey.In(s):
		return "[a private key]"
	case strings.Contains(s, "-----BEGIN"):
		return "[a PEM text]"
	}
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

// sortedSet sorts s and drops repeats; an empty set becomes nil so that it has one spelling.
func sortedSet(s []string) []string {
	if len(s) == 0 {
		return nil
	}
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}

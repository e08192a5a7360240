package mdc

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ValidDirectoryURL reads ldap://host[:port] or ldaps://host[:port]; ok is false for everything else.
func ValidDirectoryURL(text string) (u *url.URL, ok bool) {
	u, err := url.Parse(text)
	if err != nil || len(text) > 512 || u.Scheme != "ldap" && u.Scheme != "ldaps" || u.Opaque != "" || u.User != nil || u.Hostname() == "" ||
		text != u.Scheme+"://"+u.Host || strings.ContainsAny(u.Host, " %\\\t\r\n") {
		return nil, false
	}
	if port := u.Port(); port != "" {
		n, err := strconv.Atoi(port)
		return u, err == nil && n > 0 && n < 65536
	}
	return u, !strings.HasSuffix(u.Host, ":")
}

// Plaintext says whether a server of this address is talked with in clear: names and passwords could be read on the way.
func (s *IdentityStore) Plaintext(u *url.URL) bool { return u.Scheme == "ldap" && !s.StartTLS }

// OnThisMachine says whether an address is loopback by its own words.
func OnThisMachine(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback() || strings.EqualFold(u.Hostname(), "localhost")
}

func (s *IdentityStore) servers(c *checks) {
	c.want(len(s.URLs) >= 1 && len(s.URLs) <= maxDirectoryServers, "/urls", "names %d servers; give 1 to %d", len(s.URLs), maxDirectoryServers)
	seen := map[string]bool{}
	for i, text := range s.URLs {
		at := fmt.Sprintf("/urls/%d", i)
		u, ok := ValidDirectoryURL(text)
		if !ok { // not repeated: it may hold a password
			c.want(false, at, "is no address of a directory; write ldaps://host:port, or ldap://host:port, and nothing behind it")
			continue
		}
		c.want(!s.Plaintext(u) || s.AllowPlaintext || OnThisMachine(u), at, "%q is not encrypted, so passwords could be read on the way; write ldaps://, or set start_tls = true (allow_plaintext = true is for networks where that does not matter)", clip(text))
		c.want(!seen[strings.ToLower(text)], at, "%q is named twice", clip(text))
		seen[strings.ToLower(text)] = true
	}
	if s.CACertificatePEM != "" {
		if _, err := ParseCertificates(s.CACertificatePEM); err != nil {
			c.want(false, "/ca_certificate_pem", "%v", err)
		}
	}
}

func (s *IdentityStore) account(c *checks) {
	c.text("/bind_dn", s.BindDN, 1024)
	plain, comes := s.BindPassword.Plain()
	c.want(!comes || s.BindDN != "", "/bind_password", "belongs to bind_dn, which is not given")
	c.want(len(plain) <= 1024, "/bind_password", "is longer than 1,024 bytes")
	c.want(!strings.ContainsRune(plain, 0), "/bind_password", "holds a zero byte")
}

func (s *IdentityStore) people(c *checks) {
	c.want(s.UserSearchBase != "", "/user_search_base", "is missing: the distinguished name under which people are found")
	c.text("/user_search_base", s.UserSearchBase, 1024)
	c.directoryAttribute("/user_name_attribute", s.UserNameAttribute)
	c.filter("/user_filter", s.UserFilter)
	c.want(s.UserFilter == "" || strings.Contains(s.UserFilter, FilterUser), "/user_filter", "does not hold %s, in whose place the name comes that is looked for", FilterUser)
	c.want(!strings.Contains(s.UserFilter, FilterDN), "/user_filter", "holds %s, which is not known before the person is found", FilterDN)
}

func (s *IdentityStore) groups(c *checks) {
	c.text("/group_search_base", s.GroupSearchBase, 1024)
	c.directoryAttribute("/group_name_attribute", s.GroupNameAttribute)
	c.filter("/group_filter", s.GroupFilter)
	byPerson, byName := strings.Contains(s.GroupFilter, FilterDN), strings.Contains(s.GroupFilter, FilterUser)
	c.want(s.GroupFilter == "" || byPerson || byName, "/group_filter", "holds neither %s nor %s, so everybody would be in every group that it finds", FilterDN, FilterUser)
	c.want(s.GroupFilter == "" || s.GroupSearchBase != "", "/group_filter", "needs group_search_base")
	if s.MemberOfAttribute != "" {
		c.directoryAttribute("/member_of_attribute", s.MemberOfAttribute)
		c.want(s.GroupSearchBase == "", "/member_of_attribute", "names a person's groups in the person's own entry, and group_search_base searches for them; give one of both")
	}
	if s.NestedGroups {
		c.want(s.GroupSearchBase != "" || s.MemberOfAttribute != "", "/nested_groups", "needs group_search_base or member_of_attribute")
		c.want(!byName, "/nested_groups", "needs a group_filter with %s alone: a group's name could be a person's", FilterDN)
	}
}

func (s *IdentityStore) attributes(c *checks) {
	c.want(len(s.AttributeMapping) <= MaxAttributes-2, "/attribute_mapping", "has more than %d entries", MaxAttributes-2)
	for ours, theirs := range s.AttributeMapping {
		at := "/attribute_mapping/" + escape(ours)
		c.want(ValidName(ours), at, "is no valid attribute name")
		c.directoryAttribute(at, theirs)
		c.want(ours != AttributeDisplayName || s.DisplayNameAttribute == "", at, "is given by display_name_attribute already")
		c.want(ours != AttributeEmail || s.EmailAttribute == "", at, "is given by email_attribute already")
	}
	for at, name := range map[string]string{"/display_name_attribute": s.DisplayNameAttribute, "/email_attribute": s.EmailAttribute} {
		if name != "" {
			c.directoryAttribute(at, name)
		}
	}
}

func (s *IdentityStore) bounds(c *checks) {
	for at, d := range map[string]Duration{"/connect_timeout": s.ConnectTimeout, "/request_timeout": s.RequestTimeout} {
		c.want(d.D() >= 100*time.Millisecond && d.D() <= MaxDirectoryTimeout, at, "%s is not between 100ms and %s", d, Duration(MaxDirectoryTimeout))
	}
	c.want(s.PageSize >= 10 && s.PageSize <= MaxPageSize, "/page_size", "%d is not between 10 and %d", s.PageSize, MaxPageSize)
	c.want(s.PoolSize >= 1 && s.PoolSize <= MaxPoolSize, "/pool_size", "%d is not between 1 and %d", s.PoolSize, MaxPoolSize)
}

// directoryAttribute checks the name of an attribute of a directory, without options (RFC 4512 section 2.5).
func (c *checks) directoryAttribute(pointer, s string) {
	ok := s != "" && len(s) <= 128 && (s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z' || s[0] >= '0' && s[0] <= '9')
	for i := 0; ok && i < len(s); i++ {
		ok = alnum(s[i]) || s[i] == '-' || s[i] == '.'
	}
	c.want(ok, pointer, "%q is no name of an attribute of a directory", clip(s))
}

// filter checks the outside of a search filter (RFC 4515); "" is none.
func (c *checks) filter(pointer, s string) {
	c.text(pointer, s, 1024)
	if s == "" {
		return
	}
	depth, broken := 0, false
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		broken = broken || depth < 0 || depth == 0 && i < len(s)-1
	}
	c.want(!broken && depth == 0 && s[0] == '(', pointer, "%q is no search filter: it begins with ( and ends with the ) that belongs to it", clip(s))
	rest := strings.NewReplacer(FilterUser, "", FilterDN, "").Replace(s)
	c.want(!strings.ContainsAny(rest, "{}"), pointer, "%q holds a placeholder that is neither %s nor %s", clip(s), FilterUser, FilterDN)
}

// SentElsewhere says whether servers of this store may get the bind password that did not before: one that is new, or that is talked
// with in clear or believed by other certificates than before. Fewer servers, in another order, are no others.
func (s *IdentityStore) SentElsewhere(was Object) bool {
	before, ok := was.(*IdentityStore)
	if !ok || before == nil {
		return true
	}
	if before.StartTLS && !s.StartTLS || s.AllowPlaintext && !before.AllowPlaintext {
		return true
	}
	known := map[string]bool{}
	for _, u := range before.URLs {
		known[strings.ToLower(u)] = true
	}
	for _, u := range s.URLs {
		if !known[strings.ToLower(u)] {
			return true
		}
	}
	return !believesNoMore(s.CACertificatePEM, before.CACertificatePEM)
}

// believesNoMore says whether the certificates of one text are all in another. Without any the machine's count, which are another lot.
func believesNoMore(now, before string) bool {
	if now == before {
		return true
	}
	these, err := ParseCertificates(now)
	if err != nil || now == "" || before == "" {
		return false
	}
	those, err := ParseCertificates(before)
	if err != nil {
		return false
	}
	for _, c := range these {
		if !slices.ContainsFunc(those, c.Equal) {
			return false
		}
	}
	return true
}

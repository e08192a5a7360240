package ldap

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// found is the entry of a person.
type found struct {
	dn    string
	name  string // in Concord
	entry *ldap.Entry
}

// find looks for the one entry of a name. A reason says why there is nobody; the entry's name may be another than the one
// that was looked for, where the filter finds people by a mail address too.
func (s *Store) find(ctx context.Context, name string) (f found, refused identity.Reason, err error) {
	set := &s.cfg.Settings
	var entries []*ldap.Entry
	err = s.with(ctx, searches, func(l *line) (err error) {
		entries, err = l.search(ctx, question{base: set.UserSearchBase, scope: ldap.ScopeWholeSubtree, filter: fill(set.Filter(), name, ""), attributes: s.attributes(), limit: 1})
		return err
	})
	switch {
	case errors.Is(err, errTooMany):
		s.log.Warn("more than one entry of the directory fits a name; none of them can sign in", "user", name)
		return f, identity.AmbiguousUser, nil
	case err != nil:
		return f, "", s.trouble(err)
	case len(entries) == 0:
		return f, identity.UnknownUser, nil
	}
	e := entries[0]
	if f = (found{dn: e.DN, name: canonical(e.GetEqualFoldAttributeValues(set.UserNameAttribute), name), entry: e}); f.name == "" || e.DN == "" {
		s.log.Warn("an entry of the directory has no name that can be one in Concord", "user", name, "attribute", set.UserNameAttribute)
		return found{}, identity.UnusableUser, nil
	}
	return f, "", nil
}

// same makes sure that who was found by another name is found by their own too: that is how their sessions will look for
// them, and it must not be somebody else.
func (s *Store) same(ctx context.Context, f found) (identity.Reason, error) {
	again, reason, err := s.find(ctx, f.name)
	if err != nil || reason == "" && again.dn == f.dn {
		return "", err
	}
	s.log.Warn("user_filter finds a person by another name and not by their own; it must do both", "user", f.name)
	return identity.UnusableUser, nil
}

// attributes are what is asked of a person's entry.
func (s *Store) attributes() []string {
	set := &s.cfg.Settings
	out := []string{set.UserNameAttribute}
	for _, theirs := range set.Wanted() {
		out = append(out, theirs)
	}
	if set.MemberOfAttribute != "" {
		out = append(out, set.MemberOfAttribute)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// canonical chooses among an entry's names: the one that was looked for, else the only one; "" when none can be a name.
func canonical(values []string, wanted string) string {
	for _, v := range values {
		if mdc.SameName(v, wanted) && mdc.ValidName(v) {
			return v
		}
	}
	if len(values) == 1 && mdc.ValidName(values[0]) {
		return values[0]
	}
	return ""
}

// person is an entry as a session will know it, with its groups.
func (s *Store) person(ctx context.Context, f found) (identity.Person, error) {
	groups, err := s.groups(ctx, f)
	if err != nil {
		return identity.Person{}, err
	}
	p := identity.Person{Name: f.name, Store: s.cfg.Settings.Name, Groups: groups, Level: identity.LevelPassword}
	for ours, theirs := range s.cfg.Settings.Wanted() {
		value := text(f.entry.GetEqualFoldAttributeValues(theirs))
		if value == "" {
			continue
		}
		if len(value) > mdc.MaxAttributeValue {
			s.log.Warn("an attribute of the directory is too long and is left out", "user", f.name, "attribute", theirs)
			continue
		}
		if p.Attributes == nil {
			p.Attributes = map[string]string{}
		}
		p.Attributes[ours] = value
	}
	return p, nil
}

// text is the values of an attribute in one text, in order, with commas between them: a directory keeps them as a set. What is
// no text is left out.
func text(values []string) string {
	kept := slices.DeleteFunc(slices.Clone(values), func(v string) bool {
		return v == "" || !utf8.ValidString(v) || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f })
	})
	slices.Sort(kept)
	return strings.Join(kept, ",")
}

package ldap

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Bounds of groups within groups. Beyond them a person is refused: a group that is left out may be one that is denied something.
const (
	maxDepth  = 10 // groups around the person's own
	maxFilter = 50 // groups whose groups one search asks for
)

// CodeUnusable is the code of the fault for a person whose password is right and whom Concord cannot take as they are.
const CodeUnusable = "unusable_account"

func unusable(format string, args ...any) error {
	f := fault.New(fault.Forbidden, CodeUnusable, "Your account in the directory cannot be used here. Tell your administrator.")
	f.Err = fault.New(fault.Forbidden, CodeUnusable, format, args...)
	return f
}

// group is a group of the directory. name is "" for one whose name cannot be one in Concord, which no policy can mean either.
type group struct{ dn, name string }

// gathered are the groups found so far, by their distinguished name in lower case.
type gathered map[string]group

// add gives those that are new.
func (g gathered) add(groups []group) (fresh []group) {
	for _, one := range groups {
		key := foldDN(one.dn)
		if _, known := g[key]; !known {
			g[key] = one
			fresh = append(fresh, one)
		}
	}
	return fresh
}

// groups gives the names of a person's groups, sorted. Level by level, so that a circle of groups ends by itself.
func (s *Store) groups(ctx context.Context, f found) ([]string, error) {
	set := &s.cfg.Settings
	if set.GroupSearchBase == "" && set.MemberOfAttribute == "" {
		return nil, nil
	}
	all := gathered{}
	level, err := s.direct(ctx, f)
	for depth := 0; err == nil; depth++ {
		fresh := all.add(level)
		switch {
		case len(all) > mdc.MaxGroups:
			return nil, unusable("%s is in more than %d groups", f.name, mdc.MaxGroups)
		case len(fresh) == 0 || !set.NestedGroups:
			return names(all), nil
		case depth == maxDepth:
			return nil, unusable("groups of %s lie more than %d deep in one another", f.name, maxDepth)
		}
		level, err = s.around(ctx, fresh)
	}
	if errors.Is(err, errTooMany) {
		return nil, unusable("%s is in more than %d groups", f.name, mdc.MaxGroups)
	}
	return nil, s.trouble(err)
}

func names(all gathered) (out []string) {
	for _, g := range all {
		if g.name != "" {
			out = append(out, g.name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// direct gives the groups that name the person, or that the person's entry names.
func (s *Store) direct(ctx context.Context, f found) ([]group, error) {
	set := &s.cfg.Settings
	if set.MemberOfAttribute != "" {
		return s.named(ctx, f.entry.GetEqualFoldAttributeValues(set.MemberOfAttribute))
	}
	return s.searchGroups(ctx, fill(set.GroupsFilter(), f.name, f.dn))
}

// around gives the groups that those are in.
func (s *Store) around(ctx context.Context, inner []group) (out []group, err error) {
	if s.cfg.Settings.MemberOfAttribute != "" {
		return s.aroundByEntry(ctx, inner)
	}
	for part := range slices.Chunk(inner, maxFilter) {
		var each strings.Builder
		for _, g := range part {
			each.WriteString(fill(s.cfg.Settings.GroupsFilter(), "", g.dn))
		}
		more, err := s.searchGroups(ctx, "(|"+each.String()+")")
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

func (s *Store) aroundByEntry(ctx context.Context, inner []group) (out []group, err error) {
	attribute := s.cfg.Settings.MemberOfAttribute
	for _, g := range inner {
		e, err := s.entry(ctx, g.dn, attribute)
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		more, err := s.named(ctx, e.GetEqualFoldAttributeValues(attribute))
		if err != nil {
			return nil, err
		}
		if out = append(out, more...); len(out) > 2*mdc.MaxGroups {
			return nil, errTooMany
		}
	}
	return out, nil
}

// named makes groups of distinguished names. Only one whose name does not stand in it is looked up.
func (s *Store) named(ctx context.Context, dns []string) (out []group, err error) {
	if len(dns) > mdc.MaxGroups {
		return nil, errTooMany
	}
	attribute := s.cfg.Settings.GroupNameAttribute
	for _, dn := range dns {
		if value, ok := firstName(dn, attribute); ok {
			out = append(out, group{dn, usable(value)})
			continue
		}
		e, err := s.entry(ctx, dn, attribute)
		if err != nil {
			return nil, err
		}
		if e != nil {
			out = append(out, group{dn, nameOf(e, attribute)})
		}
	}
	return out, nil
}

// searchGroups gives every group that a filter finds, page by page.
func (s *Store) searchGroups(ctx context.Context, filter string) (out []group, err error) {
	set := &s.cfg.Settings
	var entries []*ldap.Entry
	err = s.with(ctx, searches, func(l *line) (err error) {
		entries, err = l.search(ctx, question{base: set.GroupSearchBase, scope: ldap.ScopeWholeSubtree, filter: filter, attributes: []string{set.GroupNameAttribute},
			limit: mdc.MaxGroups, page: set.PageSize})
		return err
	})
	for _, e := range entries {
		out = append(out, group{e.DN, nameOf(e, set.GroupNameAttribute)})
	}
	return out, err
}

// entry reads one entry; nil when it is not there.
func (s *Store) entry(ctx context.Context, dn string, attributes ...string) (e *ldap.Entry, err error) {
	err = s.with(ctx, searches, func(l *line) error {
		entries, err := l.search(ctx, question{base: dn, scope: ldap.ScopeBaseObject, filter: anything, attributes: attributes, limit: 1})
		if err == nil && len(entries) == 1 {
			e = entries[0]
		}
		return err
	})
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) || ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidDNSyntax) {
		return nil, nil
	}
	return e, err
}

// nameOf chooses a group's name: the value that stands in its distinguished name, else the only one.
func nameOf(e *ldap.Entry, attribute string) string {
	if value, ok := firstName(e.DN, attribute); ok {
		return usable(value)
	}
	if values := e.GetEqualFoldAttributeValues(attribute); len(values) == 1 {
		return usable(values[0])
	}
	return ""
}

// firstName is the value of an attribute in the first part of a distinguished name.
func firstName(dn, attribute string) (value string, ok bool) {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) == 0 {
		return "", false
	}
	for _, a := range parsed.RDNs[0].Attributes {
		if strings.EqualFold(a.Type, attribute) {
			return a.Value, true
		}
	}
	return "", false
}

func usable(name string) string {
	if mdc.ValidName(name) {
		return name
	}
	return ""
}

func foldDN(dn string) string {
	if parsed, err := ldap.ParseDN(dn); err == nil {
		return strings.ToLower(parsed.String())
	}
	return strings.ToLower(dn)
}

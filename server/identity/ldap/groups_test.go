package ldap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/identity/ldap"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// nest is ada in inner, inner in middle, middle in outer, and outer in inner again: a circle. Beside them a group whose name
// can be none in Concord lies between.
func nest() string {
	return testkit.DirectoryPerson("ada") + testkit.DirectoryPerson("bob") +
		testkit.DirectoryGroup("inner", testkit.PersonDN("ada"), testkit.GroupDN("outer")) + testkit.DirectoryGroup("middle", testkit.GroupDN("inner")) +
		testkit.DirectoryGroup("outer", testkit.GroupDN("middle")) + testkit.DirectoryGroup("no name", testkit.PersonDN("ada")) +
		testkit.DirectoryGroup("around", testkit.GroupDN("no name")) + testkit.DirectoryGroup("others", testkit.PersonDN("bob"))
}

// TestGroupsOfADirectory: by a search and by the person's own entry, with groups in groups and without.
func TestGroupsOfADirectory(t *testing.T) {
	d := testkit.Slapd(t, nest())
	d.Admin(func(c *goldap.Conn) error { // the overlay sees what changes, not what was loaded
		for _, cn := range []string{"inner", "middle", "outer", "no name", "around", "others"} {
			found, err := c.Search(goldap.NewSearchRequest(testkit.GroupDN(cn), goldap.ScopeBaseObject, goldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"member"}, nil))
			if err != nil {
				return err
			}
			members := found.Entries[0].GetAttributeValues("member")
			again := goldap.NewModifyRequest(testkit.GroupDN(cn), nil)
			again.Replace("member", []string{testkit.DirectorySuffix})
			if err := c.Modify(again); err != nil {
				return err
			}
			again = goldap.NewModifyRequest(testkit.GroupDN(cn), nil)
			again.Replace("member", members)
			if err := c.Modify(again); err != nil {
				return err
			}
		}
		return nil
	})
	search := func(s *mdc.IdentityStore) { s.GroupSearchBase = testkit.DirectoryGroups }
	entry := func(s *mdc.IdentityStore) { s.MemberOfAttribute = "memberOf" }
	for name, c := range map[string]struct {
		change func(*mdc.IdentityStore)
		nested bool
		want   string
	}{
		"none":             {func(*mdc.IdentityStore) {}, false, ""},
		"search":           {search, false, "inner"},
		"search, nested":   {search, true, "around inner middle outer"},
		"entry":            {entry, false, "inner"},
		"entry, nested":    {entry, true, "around inner middle outer"},
		"by another name":  {func(s *mdc.IdentityStore) { search(s); s.GroupNameAttribute = "description" }, true, ""},
		"of members alone": {func(s *mdc.IdentityStore) { search(s); s.GroupFilter = "(&(cn=o*)(member={dn}))" }, true, ""},
	} {
		set := settings(d)
		c.change(&set)
		set.NestedGroups = c.nested
		store, _ := open(t, set)
		if p, refused, err := store.Check(t.Context(), "ada", right); err != nil || refused != "" || strings.Join(p.Groups, " ") != c.want {
			t.Errorf("%s: %v, %q, %v", name, p.Groups, refused, err)
		}
	}
}

// TestTenThousandPeople: a directory of ten thousand that answers a hundred entries at most gives one of them all of 900
// groups, page by page; with more than Concord takes, or deeper in one another, that person is refused and nobody else.
func TestTenThousandPeople(t *testing.T) {
	const groups = 900
	var all strings.Builder
	for n := range 10_000 {
		all.WriteString(testkit.DirectoryPerson(fmt.Sprintf("user-%d", n)))
	}
	for n := range groups {
		all.WriteString(testkit.DirectoryGroup(fmt.Sprintf("group-%d", n), testkit.PersonDN("user-7777"), testkit.PersonDN("user-1")))
	}
	for n := range mdc.MaxGroups - groups + 1 {
		all.WriteString(testkit.DirectoryGroup(fmt.Sprintf("more-%d", n), testkit.PersonDN("user-1")))
	}
	all.WriteString(testkit.DirectoryGroup("deep-0", testkit.PersonDN("user-2")))
	for n := range 12 {
		all.WriteString(testkit.DirectoryGroup(fmt.Sprintf("deep-%d", n+1), testkit.GroupDN(fmt.Sprintf("deep-%d", n))))
	}
	for n := range mdc.MaxGroups/2 + 1 { // each search finds fewer than are allowed, and both together more
		all.WriteString(testkit.DirectoryGroup(fmt.Sprintf("near-%d", n), testkit.PersonDN("user-3")))
		all.WriteString(testkit.DirectoryGroup(fmt.Sprintf("far-%d", n), testkit.GroupDN("near-0")))
	}
	d := testkit.Slapd(t, all.String())
	set := settings(d)
	set.GroupSearchBase, set.NestedGroups, set.PageSize = testkit.DirectoryGroups, true, 100
	store, _ := open(t, set)
	p, refused, err := store.Check(t.Context(), "user-7777", right)
	if err != nil || refused != "" || len(p.Groups) != groups || !slices.Contains(p.Groups, "group-899") {
		t.Errorf("%d groups, %q, %v", len(p.Groups), refused, err)
	}
	for _, name := range []string{"user-1", "user-2", "user-3"} {
		if p, refused, err := store.Check(t.Context(), name, right); fault.CodeOf(err) != ldap.CodeUnusable || p.Name != "" || refused != "" {
			t.Errorf("%s: %d groups, %q, %v", name, len(p.Groups), refused, err)
		}
		if _, refused, err := store.Check(t.Context(), name, "wrong"); err != nil || refused == "" {
			t.Errorf("%s, wrong password: that the account is unusable is told: %q, %v", name, refused, err)
		}
	}
	if p, _, err := store.Check(t.Context(), "user-9999", right); err != nil || len(p.Groups) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

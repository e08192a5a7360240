package ldap_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/identity/ldap"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings are those of a directory of the testkit, over LDAPS.
func settings(d *testkit.Directory) mdc.IdentityStore {
	s, _ := mdc.IdentityStoreKind().New().(*mdc.IdentityStore)
	s.Name, s.URLs, s.CACertificatePEM = "corp", []string{d.SecureURL}, d.CACertPEM
	s.BindDN, s.UserSearchBase = testkit.DirectorySearcher, testkit.DirectoryPeople
	s.Normalize()
	return *s
}

// open makes a store and counts its connections.
func open(t testing.TB, s mdc.IdentityStore, change ...func(*ldap.Config)) (*ldap.Store, *atomic.Int64) {
	t.Helper()
	var dials atomic.Int64
	c := ldap.Config{Settings: s, Password: testkit.DirectorySecret, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	for _, f := range change {
		f(&c)
	}
	c.Settings.Normalize()
	if faults := append(c.Settings.Validate(), ldap.Faults(&c.Settings)...); len(faults) > 0 {
		t.Fatalf("the test's settings are wrong: %v", faults)
	}
	store, err := ldap.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store, &dials
}

const right = testkit.Password

// TestPeopleOfADirectory: who gives the right password is who the directory says, by the name that stands there; everybody
// else is refused, with the reason for the audit. A filter is no way in, and no bind is sent without a password although
// this directory would take it (SEC-31).
func TestPeopleOfADirectory(t *testing.T) {
	d := testkit.Slapd(t, testkit.DirectoryPerson("Ada", "mail: ada@example.org", "displayName: Ada L.", "employeeType: b", "employeeType: a")+
		testkit.DirectoryPerson("bob", "mail: ada@example.com")+testkit.DirectoryPerson("bob2", "mail: two@example.org")+testkit.DirectoryPerson("bob3", "mail: two@example.org")+
		testkit.DirectoryPerson("with space"))
	set := settings(d)
	set.UserFilter = "(&(objectClass=inetOrgPerson)(|(uid={user})(mail={user})))"
	set.DisplayNameAttribute, set.EmailAttribute, set.AttributeMapping = "displayName", "mail", map[string]string{"kinds": "employeeType", "none": "title", "secret": "userPassword"}
	store, _ := open(t, set)
	ada := identity.Person{Name: "Ada", Store: "corp", Level: 1, Attributes: map[string]string{"display_name": "Ada L.", "email": "ada@example.org", "kinds": "a,b"}}
	for name, c := range map[string]struct {
		account, password string
		who               identity.Person
		refused           identity.Reason
	}{
		"by name":            {"Ada", right, ada, ""},
		"in another case":    {"ADA", right, ada, ""},
		"by mail":            {"ada@example.org", right, ada, ""},
		"wrong password":     {"ada", "wrong", identity.Person{}, identity.WrongPassword},
		"no password":        {"ada", "", identity.Person{}, identity.WrongPassword},
		"a zero byte":        {"ada", "\x00", identity.Person{}, identity.WrongPassword},
		"nobody":             {"nobody", right, identity.Person{}, identity.UnknownUser},
		"two of them":        {"two@example.org", right, identity.Person{}, identity.AmbiguousUser},
		"a star":             {"*", right, identity.Person{}, identity.UnknownUser},
		"a part of a filter": {"ada)(uid=*", right, identity.Person{}, identity.UnknownUser},
		"a filter's end":     {"ada))(|(uid=*", right, identity.Person{}, identity.UnknownUser},
		"a DN":               {testkit.PersonDN("Ada"), right, identity.Person{}, identity.UnknownUser},
		"an impossible name": {"with space", right, identity.Person{}, identity.UnknownUser},
	} {
		got, refused, err := store.Check(t.Context(), c.account, c.password)
		if err != nil || refused != c.refused {
			t.Errorf("%s: refused %q, %v", name, refused, err)
		}
		if diff := cmp.Diff(c.who, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if p, found, err := store.User(t.Context(), "aDA"); err != nil || !found || cmp.Diff(ada, p) != "" {
		t.Errorf("look-up: %+v, %t, %v", p, found, err)
	}
	for _, name := range []string{"nobody", "ada@example.org", "*", "two@example.org"} {
		if p, found, err := store.User(t.Context(), name); err != nil || found {
			t.Errorf("look-up of %q: %+v, %v", name, p, err)
		}
	}
}

// TestFiltersAreEscaped: what a directory says of itself is put into filters as values and nothing else.
func TestFiltersAreEscaped(t *testing.T) {
	odd := `cn=a\2a\28b\29\5c{user},` + testkit.DirectoryPeople
	d := testkit.Slapd(t, "dn: "+odd+"\nobjectClass: inetOrgPerson\ncn: a*(b)\\{user}\nsn: odd\nuid: odd\nuserPassword: "+right+"\n\n"+
		testkit.DirectoryPerson("ada")+testkit.DirectoryGroup("odds", odd)+testkit.DirectoryGroup("staff", testkit.PersonDN("ada")))
	set := settings(d)
	set.GroupSearchBase = testkit.DirectoryGroups
	store, _ := open(t, set)
	for name, want := range map[string]string{"odd": "odds", "ada": "staff"} {
		if p, refused, err := store.Check(t.Context(), name, right); err != nil || refused != "" || strings.Join(p.Groups, " ") != want {
			t.Errorf("%s: %+v, %q, %v", name, p, refused, err)
		}
	}
}

// TestPlaceholders: what is put into a filter is a value, whatever it is, and is never taken for a placeholder itself.
func TestPlaceholders(t *testing.T) {
	got := ldap.Fill("(&(uid={user})(member={dn}))", "a*)(uid=*{dn}\x00\\", "cn=x(y){user}")
	if want := `(&(uid=a\2a\29\28uid=\2a{dn}\00\5c)(member=cn=x\28y\29{user}))`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestWaysToTheServer: LDAPS and StartTLS with the declared root, plain where that is allowed; a certificate of another root
// or for another name is refused before anything is said, and so is a server that cannot do TLS.
func TestWaysToTheServer(t *testing.T) {
	d := testkit.Slapd(t, testkit.DirectoryPerson("ada"))
	stranger := testkit.Slapd(t, "").CACertPEM
	for name, c := range map[string]struct {
		change func(*ldap.Config)
		down   bool
	}{
		"ldaps":                     {func(*ldap.Config) {}, false},
		"starttls":                  {func(c *ldap.Config) { c.Settings.URLs, c.Settings.StartTLS = []string{d.URL}, true }, false},
		"plain":                     {func(c *ldap.Config) { c.Settings.URLs, c.Settings.CACertificatePEM = []string{d.URL}, "" }, false},
		"ldaps, another root":       {func(c *ldap.Config) { c.Settings.CACertificatePEM = stranger }, true},
		"ldaps, the system's roots": {func(c *ldap.Config) { c.Settings.CACertificatePEM = "" }, true},
		"starttls, another root": {func(c *ldap.Config) {
			c.Settings.URLs, c.Settings.StartTLS, c.Settings.CACertificatePEM = []string{d.URL}, true, stranger
		}, true},
		"ldaps, another name": {func(c *ldap.Config) {
			c.Settings.URLs = []string{strings.Replace(d.SecureURL, "127.0.0.1", "127.0.0.2", 1)}
		}, true},
		"starttls at an ldaps port": {func(c *ldap.Config) {
			c.Settings.URLs, c.Settings.StartTLS = []string{strings.Replace(d.SecureURL, "ldaps", "ldap", 1)}, true
		}, true},
		"ldaps at a plain port":      {func(c *ldap.Config) { c.Settings.URLs = []string{strings.Replace(d.URL, "ldap", "ldaps", 1)} }, true},
		"the searcher's password":    {func(c *ldap.Config) { c.Password = "another" }, true},
		"no password":                {func(c *ldap.Config) { c.Password = "" }, true},
		"a base that is not there":   {func(c *ldap.Config) { c.Settings.UserSearchBase = "ou=x," + testkit.DirectorySuffix }, true},
		"an address that is refused": {func(c *ldap.Config) { c.Dial = refusing }, true},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "ldaps, another name" { // the server listens on one address: the name is what counts
				c.change = both(c.change, func(k *ldap.Config) { k.Dial = always(d.SecureURL) })
			}
			store, _ := open(t, settings(d), c.change)
			p, refused, err := store.Check(t.Context(), "ada", right)
			switch {
			case c.down && (fault.CodeOf(err) != ldap.CodeDown || !fault.Is(err, fault.Unavailable) || refused != "" || p.Name != ""):
				t.Errorf("%+v, %q, %v", p, refused, err)
			case !c.down && (err != nil || p.Name != "ada"):
				t.Errorf("%+v, %q, %v", p, refused, err)
			}
		})
	}
}

func both(first, second func(*ldap.Config)) func(*ldap.Config) {
	return func(c *ldap.Config) {
		first(c)
		second(c)
	}
}

func refusing(context.Context, string, string) (net.Conn, error) {
	return nil, fault.New(fault.Unavailable, "address_refused", "no")
}

// always dials one address, whatever is asked for.
func always(url string) func(context.Context, string, string) (net.Conn, error) {
	_, address, _ := strings.Cut(url, "://")
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

// TestProbe tells each step of each server.
func TestProbe(t *testing.T) {
	d := testkit.Slapd(t, "")
	set := settings(d)
	set.GroupSearchBase = "ou=elsewhere," + testkit.DirectorySuffix
	gone := testkit.Slapd(t, "")
	gone.Kill()
	set.URLs = append(set.URLs, gone.SecureURL, d.URL)
	set.StartTLS = true
	store, _ := open(t, set)
	var got []string
	for _, c := range store.Probe(t.Context()) {
		got = append(got, fmt.Sprintf("%s %s %t", map[string]string{d.SecureURL: "tls", gone.SecureURL: "gone", d.URL: "start"}[c.Server], c.Name, c.Pass))
		if c.Detail == "" || strings.Contains(c.Detail, testkit.DirectorySecret) {
			t.Errorf("%s: %q", c.Name, c.Detail)
		}
	}
	want := []string{"tls reachable true", "tls tls true", "tls bind true", "tls user_base true", "tls group_base false", "gone reachable false",
		"start reachable true", "start tls true", "start bind true", "start user_base true", "start group_base false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

package testkit

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Names in every directory of the tests.
const (
	DirectorySuffix   = "dc=example,dc=org"
	DirectoryPeople   = "ou=people," + DirectorySuffix
	DirectoryGroups   = "ou=groups," + DirectorySuffix
	DirectorySearcher = "cn=search," + DirectorySuffix // who may search, and nobody else but the administrator
	DirectorySecret   = "search-secret"                // the searcher's
	directoryAdmin    = "cn=admin," + DirectorySuffix
)

// Directory is a real slapd with an mdb database. It outlives Kill with what it was told until then.
type Directory struct {
	URL       string // ldap://, where StartTLS is offered
	SecureURL string // ldaps://
	CACertPEM string

	t       testing.TB
	program string
	dir     string
	log     bytes.Buffer // of the program; read when it has ended
	cmd     *exec.Cmd
	done    chan struct{}
}

// Slapd starts OpenLDAP's server with these entries (LDIF, below DirectorySuffix) beside the two branches and the searcher.
func Slapd(t testing.TB, ldif string) *Directory {
	t.Helper()
	const install = "apt-get install slapd"
	d := &Directory{t: t, dir: t.TempDir(), program: Tool(t, install, "slapd", "/usr/sbin/slapd")}
	loader := Tool(t, install, "slapadd", "/usr/sbin/slapadd")
	d.URL, d.SecureURL = "ldap://"+freeAddress(t), "ldaps://"+freeAddress(t)
	cert, key := selfSigned(t)
	d.CACertPEM = cert
	for name, text := range map[string]string{"server.pem": cert, "server.key": key, "slapd.conf": d.configuration(), "entries.ldif": entries(ldif)} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(d.dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(loader, "-q", "-f", d.path("slapd.conf"), "-l", d.path("entries.ldif")).CombinedOutput() //nolint:gosec // a tool that was looked for
	if err != nil {
		t.Fatalf("load entries: %v: %s", err, out)
	}
	d.Start()
	t.Cleanup(d.Kill)
	return d
}

func (d *Directory) path(name string) string { return filepath.Join(d.dir, name) }

// configuration lets nobody read but the searcher, answers at most 100 entries that are not asked for in pages, and takes a
// bind with a name and no password as one of nobody, as many directories do.
func (d *Directory) configuration() string {
	return fmt.Sprintf(`include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile %[1]s/pid
argsfile %[1]s/args
loglevel none
allow bind_anon_cred
sizelimit size.soft=100 size.hard=100 size.pr=1000 size.prtotal=unlimited
TLSCertificateFile %[1]s/server.pem
TLSCertificateKeyFile %[1]s/server.key
TLSCACertificateFile %[1]s/server.pem
database mdb
maxsize 1073741824
suffix %[2]q
rootdn %[3]q
rootpw admin
directory %[1]s/data
index objectClass,uid,cn,mail,member eq
overlay memberof
memberof-refint TRUE
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact=%[4]q read by anonymous auth by * none
`, d.dir, DirectorySuffix, directoryAdmin, DirectorySearcher)
}

func entries(ldif string) string {
	return fmt.Sprintf(`dn: %[1]s
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: %[2]s
objectClass: organizationalUnit
ou: people

dn: %[3]s
objectClass: organizationalUnit
ou: groups

dn: %[4]s
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: search
userPassword: %[5]s

`, DirectorySuffix, DirectoryPeople, DirectoryGroups, DirectorySearcher, DirectorySecret) + ldif
}

// DirectoryPerson is the LDIF of a person with the password Password. more are lines of their own.
func DirectoryPerson(uid string, more ...string) string {
	return fmt.Sprintf("dn: uid=%[1]s,%[2]s\nobjectClass: inetOrgPerson\nuid: %[1]s\ncn: %[1]s\nsn: %[1]s\nuserPassword: %[3]s\n%[4]s\n", uid, DirectoryPeople, Password, lines(more))
}

// DirectoryGroup is the LDIF of a group of members by their distinguished names.
func DirectoryGroup(cn string, members ...string) string {
	all := make([]string, 0, len(members))
	for _, m := range members {
		all = append(all, "member: "+m)
	}
	return fmt.Sprintf("dn: cn=%[1]s,%[2]s\nobjectClass: groupOfNames\ncn: %[1]s\n%[3]s\n", cn, DirectoryGroups, lines(all))
}

func lines(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\n") + "\n"
}

// PersonDN is the distinguished name of a person of DirectoryPerson.
func PersonDN(uid string) string { return "uid=" + uid + "," + DirectoryPeople }

// GroupDN is the distinguished name of a group of DirectoryGroup.
func GroupDN(cn string) string { return "cn=" + cn + "," + DirectoryGroups }

// Start runs the server, on the addresses and the data that it had before.
func (d *Directory) Start() {
	d.t.Helper()
	d.cmd = exec.Command(d.program, "-h", d.URL+" "+d.SecureURL, "-f", d.path("slapd.conf"), "-d", "0") //nolint:gosec // a tool that was looked for
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatalf("start slapd: %v", err)
	}
	done, cmd := make(chan struct{}), d.cmd
	d.done = done
	go func() { // joined by Kill
		defer close(done)
		_ = cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	Eventually(ctx, d.t, "slapd answers", func() bool {
		select {
		case <-done:
			d.t.Fatalf("slapd has ended: %s", d.log.String())
		default:
		}
		for _, url := range []string{d.URL, d.SecureURL} {
			_, address, _ := strings.Cut(url, "://")
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil {
				return false
			}
			_ = c.Close() // it answered
		}
		return true
	})
}

// Kill ends the server without a warning; a second call does nothing.
func (d *Directory) Kill() {
	if d.done == nil {
		return
	}
	_ = d.cmd.Process.Kill() // it may have ended by itself
	<-d.done
	d.done = nil
}

// Admin does something to the directory as its administrator.
func (d *Directory) Admin(do func(*ldap.Conn) error) {
	d.t.Helper()
	c, err := ldap.DialURL(d.URL)
	if err != nil {
		d.t.Fatalf("connect to slapd: %v", err)
	}
	defer c.Close() //nolint:errcheck // all is answered
	if err := c.Bind(directoryAdmin, "admin"); err != nil {
		d.t.Fatalf("bind to slapd: %v", err)
	}
	if err := do(c); err != nil {
		d.t.Fatalf("change the directory: %v", err)
	}
}

// Store is the directory as an identity store of this name, over LDAPS.
func (d *Directory) Store(name string) wire.IdentityStore {
	return wire.IdentityStore{Name: name, URLs: []string{d.SecureURL}, CACertificatePEM: d.CACertPEM, BindDN: DirectorySearcher, BindPassword: DirectorySecret,
		UserSearchBase: DirectoryPeople, GroupSearchBase: DirectoryGroups, EmailAttribute: "mail"}
}

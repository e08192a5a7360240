package main_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/concord-access/terraform-provider-concord"

// rule says what a folder may import of Concord besides itself and what lies below it.
type rule struct {
	folder string   // "a/b" stands for a/b and all below it
	may    []string // folders, likewise; "" stands for the root
}

// rules are the house's directions (docs/architecture.md). The longest folder that fits counts; a folder that none fits
// is a fault, so a new one has to be given its place.
func rules() []rule {
	low := []string{"internal/bundle", "server/meeting", "server/audit", "server/journal", "server/store", "server/mdc", "internal/fault", "internal/clock"}
	var middle []rule
	for _, room := range middleRow() {
		may := low
		if room == "policy" { // evaluates what mdc compiled when it was saved
			may = append(slices.Clone(low), "internal/condition", "internal/schedule")
		}
		middle = append(middle, rule{"server/" + room, may})
	}
	return append(middle,
		rule{"internal/bundle", nil},
		rule{"internal/fault", nil},
		rule{"internal/clock", nil},
		rule{"internal/privatekey", nil},
		rule{"internal/failpoint", nil},
		rule{"internal/condition", nil},
		rule{"internal/schedule", nil},
		rule{"server/outbound", []string{"internal/fault"}},
		rule{"server/meeting", []string{"server/mdc"}},
		rule{"server/admission", []string{"internal/fault"}},
		rule{"internal/prefixed", nil},
		rule{"internal/wire", []string{"internal/prefixed"}},
		rule{"internal/browser", nil},
		rule{"internal/client", []string{"internal/bundle", "internal/wire", "internal/fault", "internal/clock"}},
		rule{"internal/testkit", []string{"internal", "server"}},
		rule{"internal/bench", []string{"internal", "server"}}, // a benchmark reaches under what it measures
		rule{"internal/torture", []string{"internal", "server/mdc"}},
		rule{"internal/testcount", nil},
		rule{"internal/dist", nil},
		rule{"internal/demo", []string{"internal/client", "internal/wire", "internal/fault", "internal/clock", "server/config"}},
		rule{"internal/genschema", []string{"provider"}},
		rule{"internal/genopenapi", []string{"server/httpapi", "server/mdc", "internal/wire"}},
		rule{"provider", []string{"internal/client", "internal/wire", "internal/fault", "internal/privatekey", "internal/condition", "internal/schedule"}},
		rule{"provider/function", []string{"provider/attr"}}, // pure: no server is asked
		rule{"", []string{"provider"}},                       // the provider's main.go
		rule{"server", []string{"server/cli"}},
		rule{"server/cli", []string{"server/app", "server/config", "server/gate", "server/machine", "internal"}},
		rule{"server/machine", []string{"server/store", "server/identity"}}, // measures with the parts that a node uses
		rule{"server/app", []string{"server", "internal"}},
		rule{"server/config", []string{"server/mdc", "internal/fault", "internal/clock"}},
		rule{"server/httpapi", append(rooms(), append(low, "server/admission", "server/console", "internal/client", "internal/wire", "internal/browser", "internal/privatekey")...)},
		rule{"server/console", low},
		rule{"server/gate", []string{"agent", "internal/browser", "internal/client", "internal/fault", "internal/clock", "server/mdc"}},
		rule{"agent", []string{"internal/browser", "internal/client", "internal/wire", "internal/fault", "server/mdc"}},
		rule{"examples", []string{"agent"}},
		rule{"server/audit", []string{"server/store", "server/mdc", "internal/fault", "internal/clock"}},
		rule{"server/journal", []string{"server/store", "server/mdc", "internal/fault", "internal/clock", "internal/prefixed"}},
		rule{"server/store", []string{"server/mdc", "internal/fault", "internal/clock", "internal/prefixed"}},
		rule{"server/mdc", []string{"internal/fault", "internal/clock", "internal/privatekey", "internal/condition", "internal/schedule"}},
	)
}

// middleRow lists the rooms that know nothing of one another: each declares the interface it needs, app connects them.
func middleRow() []string {
	return []string{"configuration", "topology", "replication", "session", "assertion", "policy", "identity", "trust", "passphrase", "ca", "blob", "enrolment", "administration", "cluster"}
}

func rooms() []string {
	var out []string
	for _, r := range middleRow() {
		out = append(out, "server/"+r)
	}
	return out
}

// owned are packages of others, and of the standard library, that few folders may know: whoever exchanges such a library,
// or the transport, touches those folders only.
type owned struct {
	packages string // the path up to where the family ends
	by       []string
}

func foreign() []owned {
	return []owned{
		{"github.com/gin-", []string{"server/httpapi"}},
		{"github.com/prometheus/", []string{"server/httpapi"}},
		{"github.com/evanphx/json-patch", []string{"server/httpapi"}},
		{"github.com/smallstep/", []string{"server/ca"}},
		{"github.com/go-ldap/", []string{"server/identity/ldap", "internal/testkit"}},
		{"go.step.sm/", []string{"server/ca"}},
		{"github.com/dgraph-io/", []string{"server/store/badger"}},
		{"go.etcd.io/", []string{"server/store/etcd"}},
		{"github.com/cloudflare/circl", []string{"server/journal"}},
		{"cel.dev/", []string{"internal/condition"}},
		{"github.com/klauspost/compress", []string{"server/app", "server/httpapi"}},
		{"github.com/tink-crypto/", []string{"server/session/seal"}},
		{"github.com/spf13/", []string{"server/cli"}},
		{"github.com/hashicorp/hcl", []string{"server/config", "server/gate"}},
		{"github.com/zclconf/", []string{"server/config", "server/gate"}},
		{"github.com/hashicorp/terraform-plugin", []string{"", "provider", "internal/genschema"}},
		{"github.com/hashicorp/go-retryablehttp", []string{"internal/client"}},
		{"net/http", []string{"agent", "examples", "provider", "internal/browser", "internal/client", "internal/demo", "internal/testkit", "internal/torture", "server/app", "server/cli", "server/gate", "server/httpapi", "server/ca"}},
	}
}

// TestImportsGoDown reads the imports of every file that is no test. Tests may reach further: they drive real parts.
func TestImportsGoDown(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (file == "tools" || len(file) > 1 && strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		files++
		for _, imported := range importsOf(t, file) {
			if why := refused(folderOf(file), imported); why != "" {
				t.Errorf("%s imports %s: %s", file, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Error("no Go file was read")
	}
}

// TestImportsThatWouldGoUp is the negative control: what the walk above must refuse, and some of what it must not.
func TestImportsThatWouldGoUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"provider", "server/mdc", false},
		{"provider", "internal/client", true},
		{"provider/attr", "internal/fault", true},
		{"server/session", "server/policy", false},
		{"server/session", "server/httpapi", false},
		{"server/blob", "server/replication", false},
		{"server/blob/archive", "server/mdc", true},
		{"server/session", "server/store/badger", false},
		{"server/session", "server/store", true},
		{"server/session", "internal/client", false},
		{"server/topology", "internal/client", false},
		{"server/replication", "internal/wire", false},
		{"server/journal", "internal/wire", false},
		{"server/httpapi", "internal/wire", true},
		{"server/policy", "internal/client", false},
		{"server/policy", "internal/condition", true},
		{"server/session", "internal/condition", false},
		{"internal/condition", "server/mdc", false},
		{"server/mdc", "server/store", false},
		{"server/store", "server/journal", false},
		{"server/httpapi", "server/store/badger", false},
		{"server/httpapi", "server/session", true},
		{"server/gate", "server/session", false},
		{"server/gate", "agent", true},
		{"agent", "server/gate", false},
		{"agent", "server/session", false},
		{"server/httpapi", "agent", false},
		{"provider", "agent", false},
		{"examples/embedded-agent", "agent", true},
		{"examples/embedded-agent", "internal/client", false},
		{"server/config", "server/app", false},
		{"server/app", "server/store/badger", true},
		{"server/cli", "server/session", false},
		{"internal/fault", "internal/clock", false},
		{"server/outbound", "server/mdc", false},
		{"server/ca", "server/outbound", false},
		{"server/store/badger", "internal/failpoint", true},
		{"internal/client", "internal/failpoint", false},
		{"internal/client", "server/mdc", false},
		{"server/store/badger", "server/store", true},
		{"server/newroom", "server/mdc", false},
	} {
		if why := refused(c.from, module+"/"+c.to); (why == "") != c.ok {
			t.Errorf("%s imports %s: %q", c.from, c.to, why)
		}
	}
}

// TestForeignImports is the negative control of foreign.
func TestForeignImports(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, imported string
		ok             bool
	}{
		{"server/httpapi", "github.com/gin-gonic/gin", true},
		{"server/app", "github.com/gin-gonic/gin", false},
		{"internal/bench", "github.com/gin-gonic/gin", true},
		{"server/trust", "go.step.sm/crypto/x509util", false},
		{"server/session", "github.com/dgraph-io/badger/v4", false},
		{"server/session", "net/http", false},
		{"server/identity/ldap", "github.com/go-ldap/ldap/v3", true},
		{"server/identity", "github.com/go-ldap/ldap/v3", false},
		{"server/session/revocation", "net/http/httptest", false},
		{"server/session", "net", true},
		{"server/topology", "golang.org/x/sync/errgroup", true},
		{"server/gate", "github.com/hashicorp/hcl/v2/hclsyntax", true},
		{"server/cli", "github.com/hashicorp/hcl/v2", false},
		{"provider/attr", "github.com/hashicorp/terraform-plugin-framework/attr", true},
		{"", "github.com/hashicorp/terraform-plugin-framework/providerserver", true},
		{"server", "github.com/hashicorp/terraform-plugin-framework/providerserver", false},
		{"internal/client", "github.com/hashicorp/terraform-plugin-log/tflog", false},
	} {
		if why := refused(c.from, c.imported); (why == "") != c.ok {
			t.Errorf("%q imports %s: %q", c.from, c.imported, why)
		}
	}
}

// refused says why folder may not import the package; "" when it may.
func refused(folder, imported string) string {
	to, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		return refusedForeign(folder, imported)
	}
	r, ok := ruleFor(folder)
	switch {
	case !ok:
		return "this folder has no rule; add it to rules in imports_test.go"
	case folder != "" && folder != "server" && (under(to, r.folder) || under(to, familyOf(folder))):
		return ""
	case under(to, "internal/clock") && len(r.may) > 0, // time is handed in everywhere but to the leaves
		under(to, "internal/failpoint") && (under(folder, "server") || under(folder, "internal/torture")):
		return ""
	case implementsStore(to) && folder != "server/app" && folder != "server/machine" && !under(folder, "internal/testkit") && !under(folder, "internal/bench"):
		return "only server/app chooses a store's implementation, and server/machine measures one"
	}
	for _, m := range r.may {
		if under(to, m) {
			return ""
		}
	}
	return r.folder + " may import only " + strings.Join(r.may, ", ")
}

// refusedForeign leaves benchmarks alone: they measure against what others do.
func refusedForeign(folder, imported string) string {
	if under(folder, "internal/bench") {
		return ""
	}
	for _, o := range foreign() {
		if !strings.HasPrefix(imported, o.packages) {
			continue
		}
		for _, owner := range o.by {
			if folder == owner || owner != "" && under(folder, owner) {
				return ""
			}
		}
		return "only " + strings.Join(o.by, ", ") + " may know " + o.packages
	}
	return ""
}

// familyOf is the folder whose parts belong together although they are packages of their own: a store's
// implementations know the contract.
func familyOf(folder string) string {
	if under(folder, "server/store") {
		return "server/store"
	}
	return folder
}

func implementsStore(folder string) bool {
	return under(folder, "server/store/badger") || under(folder, "server/store/etcd")
}

func ruleFor(folder string) (rule, bool) {
	var best rule
	found := false
	for _, r := range rules() {
		fits := under(folder, r.folder)
		if r.folder == "" || r.folder == "server" { // entries: they stand for themselves only
			fits = folder == r.folder
		}
		if fits && (!found || len(r.folder) > len(best.folder)) {
			best, found = r, true
		}
	}
	return best, found
}

func under(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}

func folderOf(file string) string {
	if dir := path.Dir(filepath.ToSlash(file)); dir != "." {
		return dir
	}
	return ""
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// TestTheStepCAOfTestsIsTheOneWeLink: the external authority that tests run has the release of the one inside.
func TestTheStepCAOfTestsIsTheOneWeLink(t *testing.T) {
	t.Parallel()
	versions := map[string][]string{}
	for _, file := range []string{"go.mod", "tools/step-ca/go.mod"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 1 && (f[0] == "github.com/smallstep/certificates" || f[0] == "go.step.sm/crypto") {
				versions[f[0]] = append(versions[f[0]], f[1])
			}
		}
	}
	for name, v := range versions {
		if len(v) != 2 || v[0] != v[1] {
			t.Errorf("%s: %v", name, v)
		}
	}
	if len(versions) != 2 {
		t.Errorf("found %v", versions)
	}
	built, err := os.ReadFile("internal/testkit/stepca.go")
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile("tools/test.sh")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(built), "const stepTags = \"")
	if tags, _, found := strings.Cut(rest, "\""); !found || !strings.Contains(string(before), "-tags="+tags+" ") {
		t.Errorf("tools/test.sh compiles it with other tags than the tests, %s", tags)
	}
}

package oam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/concord-access/terraform-provider-concord/provider/function/oam"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func of[T any](v T) *T { return &v }

// TestPartner: each property of a registration gets to its attribute, NA is nothing, and what has no counterpart is said (OAM-40, OAM-41).
func TestPartner(t *testing.T) {
	got, err := oam.Parse("remoteDataCentreClusterId=DC1\noamMdcAgentId=DC1Partner\nPrimaryHostPort=dc1.oracle.com:5575\nSecondaryHostPort=dc1.oracle.com:5576, dc2.oracle.com:5576\n" +
		"AccessClientPasswd=secret\noamMdcSecurityMode=CERT\n#NA ----> Not Applicable\ntrustStorePath = /tmp/clientTrustStore.jks \nkeyStorePath=/tmp/clientKeyStore.jks\nglobalPassPhrase=NA\nkeystorePassword=na\n" +
		"agentVersion=11g\nRESTEndpoint=https\\://oam1.oracle.com\\:443\nagentversion=x\nfor example=1\n")
	if err != nil {
		t.Fatal(err)
	}
	notes := got.Notes
	got.Notes = nil
	want := &oam.Properties{ClusterID: of("DC1"), AgentID: of("DC1Partner"), Primary: []string{"dc1.oracle.com:5575"}, Secondary: []string{"dc1.oracle.com:5576", "dc2.oracle.com:5576"}, SecurityMode: of("cert"),
		Passphrase: of("secret"), TrustedCertificates: []string{"/tmp/clientTrustStore.jks"}, RESTEndpoint: of("https://oam1.oracle.com:443"), Unknown: []string{"agentversion", "for"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var about []string
	for _, n := range notes {
		key, _, _ := strings.Cut(n, ":")
		about = append(about, key)
		if !strings.HasSuffix(n, ".") || strings.Contains(n, "secret") {
			t.Errorf("note %q", n)
		}
	}
	if d := cmp.Diff([]string{"agentVersion", "keyStorePath", "passphrase", "primary, secondary and rest_endpoint are the addresses of Oracle's servers", "trustStorePath"}, about); d != "" {
		t.Error(d)
	}
}

// TestPolicy: each property of the session policy gets to its attribute, with its unit and without the leading dot (OAM-19 to OAM-26).
func TestPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want oam.Properties
	}{
		"all": {"SessionMustBeAnchoredToDataCenterServicingUser=true\nSessionDataRetrievalOnDemand=True\nReauthenticate=TRUE\nSessionDataRetrievalOnDemandMax_retry_attempts=3\n" +
			"SessionDataRetrievalOnDemandMax_conn_wait_time=80\nSessionContinuationOnSyncFailure= true\n\nMDCGitoCookieDomain=.oracle.com\n",
			oam.Properties{Anchored: of(true), RetrieveOnDemand: of(true), Reauthenticate: of(true), RetrievalMaxAttempts: of(int64(3)), RetrievalMaxWait: of("80ms"), ContinueOnSyncFailure: of(true), GitoCookieDomain: of("oracle.com")}},
		"all the other way": {"SessionMustBeAnchoredToDataCenterServicingUser=false\nSessionDataRetrievalOnDemand=false\nReauthenticate=false\nSessionDataRetrievalOnDemandMax_retry_attempts=0\n" +
			"SessionDataRetrievalOnDemandMax_conn_wait_time=1000\nSessionContinuationOnSyncFailure=false\n#MDCGitoCookieDomain=.oracle.com <This setting should be provided only …>\n",
			oam.Properties{Anchored: of(false), RetrieveOnDemand: of(false), Reauthenticate: of(false), RetrievalMaxAttempts: of(int64(0)), RetrievalMaxWait: of("1s"), ContinueOnSyncFailure: of(false)}},
		"a unit":         {"SessionDataRetrievalOnDemandMax_conn_wait_time=1.5s\nMDCGitoCookieDomain=example.com", oam.Properties{RetrievalMaxWait: of("1.5s"), GitoCookieDomain: of("example.com")}},
		"nothing":        {"", oam.Properties{}},
		"not applicable": {"MDCGitoCookieDomain=NA\nReauthenticate=\nSessionDataRetrievalOnDemand\n", oam.Properties{}},
	} {
		c.want.Unknown, c.want.Notes = []string{}, []string{}
		got, err := oam.Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if d := cmp.Diff(&c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestJava: a text means what Java's Properties.load takes it for.
func TestJava(t *testing.T) {
	for text, want := range map[string]string{
		"AccessClientPasswd=a b":                              "a b",
		"AccessClientPasswd:a":                                "a",
		"AccessClientPasswd a":                                "a",
		"  AccessClientPasswd   =   a":                        "a",
		"AccessClientPasswd\t:\t a":                           "a",
		"AccessClientPasswd==a":                               "=a",
		"AccessClientPasswd= = a":                             "= a",
		"AccessClientPasswd=a  ":                              "a  ",
		`AccessClientPasswd=\ a`:                              " a",
		`AccessClientPasswd=\t\u00fc\\\q\=\:\#\!`:             "\tü\\q=:#!",
		`Access\u0043lientPasswd=a`:                           "a",
		"AccessClientPasswd=a\\\n   b\\\n\tc":                 "abc",
		"AccessClientPasswd=a\\\r\n   b\\\r\n c\r\n":          "abc",
		"AccessClientPasswd=a\\\r  b\r":                       "ab",
		"Access\\\n  ClientPasswd=a":                          "a",
		"AccessClientPasswd=a\\\\\nReauthenticate=true":       `a\`,
		"AccessClientPasswd=a\\\\\\\n b":                      `a\b`,
		"AccessClientPasswd=a\\":                              "a",
		"AccessClientPasswd=a\\\n# not a comment":             "a# not a comment",
		"# comment \\\nAccessClientPasswd=a":                  "a",
		" ! comment\n\n \nAccessClientPasswd=a # no comment":  "a # no comment",
		"\ufeffAccessClientPasswd=a":                          "a",
		"AccessClientPasswd=${HOME} ${AccessClientPasswd} %s": "${HOME} ${AccessClientPasswd} %s",
		"AccessClientPasswd=p<q>r":                            "p<q>r",
		"AccessClientPasswd=日本 🔑":                             "日本 🔑",
		"\\\n#x=1\nAccessClientPasswd=a":                      "a",
	} {
		got, err := oam.Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if got.Passphrase == nil || *got.Passphrase != want {
			t.Errorf("%q: %+v, want %q", text, got, want)
		}
	}
	if got, err := oam.Parse("\\\n#x=1"); err != nil || !cmp.Equal(got.Unknown, []string{"#x"}) {
		t.Errorf("a key that begins like a comment: %+v %v", got, err)
	}
}

// TestRefused: what cannot be meant is refused with its line, all of it at once, and no passphrase is repeated (SEC-69).
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"twice":                  {"\nReauthenticate=true\n\nReauthenticate=true", `line 4: "Reauthenticate" stands on line 2 already`},
		"a password twice":       {"AccessClientPasswd=hunter2\nAccessClientPasswd=hunter3", `line 2: "AccessClientPasswd" stands on line 1 already`},
		"unknown twice":          {"a=1\na=2", "line 2: a key that is none of Oracle's stands on line 1 already"}, // it may be a passphrase on a line of its own
		"twice in other words":   {"Reauthenticate=true\nRe\\u0061uthenticate=true", `line 2: "Reauthenticate" stands`},
		"neither true nor false": {"# x\nReauthenticate=yes", `line 2: Reauthenticate is "yes"; it is true or false`},
		"mode":                   {"oamMdcSecurityMode=TLS", `it is OPEN, SIMPLE or CERT`},
		"attempts":               {"SessionDataRetrievalOnDemandMax_retry_attempts=two", `it is a whole number`},
		"negative attempts":      {"SessionDataRetrievalOnDemandMax_retry_attempts=-1", `it is a whole number`},
		"many attempts":          {"SessionDataRetrievalOnDemandMax_retry_attempts=99999999999", `it is a whole number`},
		"wait":                   {"SessionDataRetrievalOnDemandMax_conn_wait_time=long", `it is a number of milliseconds`},
		"negative wait":          {"SessionDataRetrievalOnDemandMax_conn_wait_time=-5", `it is a number of milliseconds`},
		"negative duration":      {"SessionDataRetrievalOnDemandMax_conn_wait_time=-5s", `it is a number of milliseconds`},
		"address":                {"PrimaryHostPort=a:1,,b:2", `line 1: PrimaryHostPort has an empty address`},
		"placeholder":            {"Reauthenticate=<true/false>", `line 1: Reauthenticate still has the manual's placeholder`},
		"placeholder, ‹›":        {"oamMdcAgentId=‹id›", `oamMdcAgentId still has`},
		"placeholder, password":  {"AccessClientPasswd=<ACCESS CLIENT PASSWORD OF oamMdcAgentId IN datacenter>", `AccessClientPasswd still has`},
		"placeholder, dropped":   {"keystorePassword=<same as globalPassPhrase>", `keystorePassword still has`},
		"placeholder, path":      {"trustStorePath=</tmp/clientTrustStore.jks > ", `trustStorePath still has`},
		"remark":                 {"MDCGitoCookieDomain=.oracle.com <This setting should be provided only …>", `MDCGitoCookieDomain still has`},
		"placeholder, own line":  {"remoteDataCentreClusterId=\n <CLUSTER ID OF REMOTE DC> ", `line 2: is a placeholder of the manual`},
		"escape":                 {`AccessClientPasswd=C:\users\hunter2`, `line 1: has an escape that is none`},
		"escape at the end":      {`AccessClientPasswd=hunter2\u12`, `line 1: has an escape that is none`},
		"half a character":       {`AccessClientPasswd=hunter2\ud83d`, `line 1: writes a character as two \u escapes`},
		"two halves":             {`AccessClientPasswd=hunter2\ud83d\udd11`, `write the character itself`},
		"escaped control":        {`AccessClientPasswd=hunter2\u0000`, `line 1: writes a control character`},
		"control":                {"AccessClientPasswd=hunter2\x00", `holds control characters`},
		"no key":                 {"Reauthenticate=true\n=hunter2", `line 2: has a value without a key`},
		"no key, colon":          {" :hunter2", `line 1: has a value without a key`},
		"continued":              {"a=1\\\n2\nReauthenticate=hunter\\\n2", `line 3: Reauthenticate is "hunter2"`},
	} {
		got, err := oam.Parse(c.text)
		if err == nil || got != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		} else if strings.Contains(err.Error(), "hunter") && name != "continued" {
			t.Errorf("%s: the error repeats a password: %v", name, err)
		}
	}
	_, err := oam.Parse(strings.Repeat("Reauthenticate=maybe\n", 1) + "SessionDataRetrievalOnDemand=<true/false>\nMDCGitoCookieDomain=<sub domain>")
	if err == nil || strings.Count(err.Error(), "line ") != 3 {
		t.Errorf("three faults: %v", err)
	}
}

// TestBounds: a text that is no property file costs little and ends with an error of few words.
func TestBounds(t *testing.T) {
	entries := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d=%d\n", i, i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ text, want string }{
		"bytes":       {strings.Repeat("#", 64<<10+1), "65537 bytes, and at most 65536 are read"},
		"gigantic":    {strings.Repeat("a=b\n", 10<<20), "at most 65536 are read"},
		"entries":     {entries(1001), "1001 properties, and at most 1000 are read"},
		"faults":      {strings.Repeat("=\n", 900), "and 890 more"},
		"long value":  {"Reauthenticate=" + strings.Repeat("ü", 30000), "…\"; it is true or false"},
		"long key":    {strings.Repeat("k", 30000) + "=1\n" + strings.Repeat("k", 30000) + "=1", "stands on line 1 already"},
		"long escape": {"AccessClientPasswd=" + strings.Repeat(`\`, 30001) + "u", "has an escape that is none"},
	} {
		if _, err := oam.Parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 2000 {
			t.Errorf("%s: %.200v", name, err)
		}
	}
	if _, err := oam.Parse(strings.Repeat("#", 64<<10)); err != nil {
		t.Error(err)
	}
	if got, err := oam.Parse(entries(1000)); err != nil || len(got.Unknown) != 1000 {
		t.Error(err)
	}
}

// TestAnyPassphrase: what Java's Properties.store writes is read back, however its lines are broken.
func TestAnyPassphrase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.StringMatching(`[!-~ äß€🔑\t\\=:#!<>]{1,60}`).Filter(func(s string) bool {
			trimmed := strings.TrimSpace(s)
			return trimmed != "" && !strings.EqualFold(trimmed, "NA") && !strings.EqualFold(trimmed, "N/A") && !(strings.HasPrefix(trimmed, "<") && strings.HasSuffix(trimmed, ">"))
		}).Draw(t, "passphrase")
		end := rapid.SampledFrom([]string{"\n", "\r\n", "\r"}).Draw(t, "end of line")
		var b strings.Builder
		b.WriteString("# a comment" + end + "  AccessClientPasswd = ")
		for i, r := range want {
			if rapid.IntRange(0, 5).Draw(t, "break") == 0 {
				b.WriteString("\\" + end + "   ")
			}
			switch {
			case r == '\t':
				b.WriteString(`\t`)
			case strings.ContainsRune(`\=:#!`, r), r == ' ' && (i == 0 || strings.HasSuffix(b.String(), "   ")):
				b.WriteString(`\` + string(r))
			case r > '~' && r < 0x10000 && rapid.Bool().Draw(t, "escape"):
				fmt.Fprintf(&b, `\u%04X`, r)
			default:
				b.WriteRune(r)
			}
		}
		got, err := oam.Parse(b.String() + end + "Reauthenticate=true")
		if err != nil || got.Passphrase == nil || *got.Passphrase != want || got.Reauthenticate == nil {
			t.Fatalf("%q: %+v %v", b.String(), got, err)
		}
	})
}

// FuzzParse: no text makes it panic, say much or say nothing (FLT-33).
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a=b", "=\n:", "\\", "\\u", "a\\\r\n\\\r\n=b", "#\\\n!", "Reauthenticate=true\\", "\\\n=x", "a\\u0000", "<>", "\f\t a b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := oam.Parse(text)
		if (got == nil) == (err == nil) || err != nil && (err.Error() == "" || len(err.Error()) > 4000) {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	})
}

package mdc_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// examples has one object of each kind with all its fields set, as an administrator or a data center would make it.
func examples(t *testing.T) map[string]mdc.Object {
	t.Helper()
	open := true
	policy := mdc.DefaultSessionPolicy()
	policy.ContinueOnSyncFailure, policy.SignInURL = true, "https://login.example.com"
	until := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	return map[string]mdc.Object{
		"data_center":         &mdc.DataCenter{ClusterID: "NYDC", DisplayName: "New York", Role: mdc.RoleMaster, WriteEnabled: &open, SecurityMode: mdc.ModeCert, LockTimeout: mdc.Duration(18e10), WriteRequires: mdc.WriteMajority},
		"partner_profile":     &mdc.PartnerProfile{AgentID: "concord-ny", AllowManagement: true},
		"partner":             &mdc.Partner{ClusterID: "LDC", AgentID: "concord-ld", Primary: []string{"b:1", "a:1"}, Secondary: []string{"[::1]:9444"}, SecurityMode: mdc.ModeCert, RESTEndpoint: "https://admin.ldc"},
		"trusted_certificate": &mdc.TrustedCertificate{Name: "root", CertificatePEM: newCertificate(t, "root", nil).pem, Partner: "LDC"},
		"replication_agreement": &mdc.Agreement{Name: "ny-ld", Source: "NYDC", Target: "LDC", DocumentType: "ENTITY", Enabled: true, PollInterval: mdc.Duration(9e11),
			Follow: true, Overwrite: true, Identifier: "NYDC-LDC-1", Side: mdc.SideMaster, StartingSequence: 7},
		"data_center_key": &mdc.DataCenterKey{ClusterID: "NYDC", PublicKey: make([]byte, 32)},
		"keyset":          &mdc.Keyset{Purpose: mdc.PurposeAgent, Keyset: []byte("{}")},
		"session_policy":  policy,
		"package":         &mdc.Package{Name: "setup", Description: "for all", FileName: "Setup 1.msi", SHA256: strings.Repeat("0a", 32), Size: mdc.MaxPackage, Format: mdc.FormatRaw, Users: []string{"eve"}, Groups: []string{"z", "a"}},
		"setting":         &mdc.Setting{Name: "banner", Description: "on top", Value: `"hello"`},
		"override":        &mdc.Override{Kind: "setting", Name: "banner", Values: json.RawMessage(`{"value":"\"here\""}`)},
		"promotion": &mdc.Promotion{Epoch: mdc.Epoch{Number: 2, ClusterID: "LDC"}, Base: mdc.Position{Epoch: mdc.Epoch{Number: 1, ClusterID: "NYDC"}, Sequence: 7, Digest: strings.Repeat("0", 64)},
			Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Signature: make([]byte, 64)},
		"group": &mdc.Group{Name: "staff", Description: "all", SecurityDomain: "finance"},
		"user": &mdc.User{Name: "Ann", DisplayName: "Ann A.", Email: "ann@example.com", Groups: []string{"z", "a", "z"}, Attributes: map[string]string{"k": "v"},
			Enabled: true, Password: mdc.Secret{Hash: "$argon2id$"}, SecurityDomain: "finance"},
		"authorization_policy": &mdc.AuthorizationPolicy{Name: "p", Rules: []mdc.Rule{{Effect: mdc.Deny, Users: []string{"eve"}}, {Effect: mdc.Allow, Groups: []string{"z", "a"}, Networks: []string{"2001:db8::/32", "10.0.0.0/8"},
			Times: []mdc.TimeWindow{{Days: []string{"tue", "mon"}, From: "08:00", To: "18:00", TimeZone: "Europe/Berlin"}}, Condition: `attributes.department == "hr"`}},
			Responses: &mdc.Responses{Headers: map[string]string{"X-Department": "attributes.department"}}, SecurityDomain: "finance"},
		"application": &mdc.Application{Name: "shop", Hosts: []string{"shop.example.com", "*.example.org:8443"}, Resources: map[string]mdc.Resource{
			"all":  {Paths: []string{"/**"}, Methods: []string{"PUT", "GET"}, Protection: mdc.Protected, AuthenticationScheme: "strong", AuthorizationPolicy: "p"},
			"open": {Paths: []string{"/public/*", "/"}, Protection: mdc.Public}}, SecurityDomain: "finance"},
		"agent":           &mdc.Agent{Name: "shop", Hosts: []string{"https://shop.example.com"}, StartPage: "https://shop.example.com/start", CookieLifetime: mdc.Duration(6e10), CertificateIdentities: []string{"spiffe://ldc/agent/shop", "spiffe://nydc/agent/shop"}, Secret: mdc.Secret{Hash: "$argon2id$"}, SecurityDomain: "finance"},
		"password_policy": &mdc.PasswordPolicy{MinLength: 12, MinStrength: 3},
		"security_domain": &mdc.SecurityDomain{Name: "finance", Description: "the money"},
		"identity_store": &mdc.IdentityStore{Name: "corp", Description: "all", SecurityDomain: "finance", URLs: []string{"ldaps://b", "ldaps://a"}, BindDN: "cn=search", BindPassword: mdc.Credential{Mark: "m"},
			BindPasswordVersion: 1, UserSearchBase: "ou=people", UserFilter: "(uid={user})", UserNameAttribute: "uid", GroupSearchBase: "ou=groups", GroupFilter: "(member={dn})", GroupNameAttribute: "cn",
			NestedGroups: true, DisplayNameAttribute: "displayName", EmailAttribute: "mail", AttributeMapping: map[string]string{"phone": "telephoneNumber"},
			ConnectTimeout: mdc.Duration(1e9), RequestTimeout: mdc.Duration(1e9), PageSize: 100, PoolSize: 4},
		"identity_store_credential": &mdc.StoreCredential{Store: "corp", Password: "p", Salt: make([]byte, 16)},
		"authentication_scheme": &mdc.AuthenticationScheme{Name: "strong", Description: "two", SecurityDomain: "finance", Level: 2,
			Steps: []mdc.SchemeStep{{Method: mdc.MethodCertificate}, {Method: mdc.MethodPassword, IdentityStore: "corp"}}},
		"admin_role": &mdc.AdminRole{Name: "care", Description: "help", SecurityDomain: "finance", Permissions: []mdc.Permission{{Actions: []string{mdc.ActionWrite, mdc.ActionRead}, Kinds: []string{"user"}, SecurityDomains: []string{"finance"}}},
			Users: []string{"ann"}, Groups: []string{"staff"}, Certificates: []string{"spiffe://nydc/admin/ann"}},
		"admin_token": &mdc.AdminToken{Name: "ci", Description: "pipeline", Roles: []string{"care"}, ExpiresAt: &until, Token: mdc.Secret{Hash: "$argon2id$"}},
	}
}

// What every kind promises to those that keep, list, ship and check objects without knowing them.
func TestKinds(t *testing.T) {
	all, seen, collections := examples(t), map[string]bool{}, map[string]bool{}
	for _, k := range mdc.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			if seen[k.Name] || k.Collection != "" && collections[k.Collection] {
				t.Error("the name or the collection is another kind's too")
			}
			if found, ok := mdc.KindByName(k.Name); !ok || found.Name != k.Name {
				t.Error("not found by its name")
			}
			for _, other := range k.RefersTo {
				if !seen[other] {
					t.Errorf("comes before %s, which it refers to", other)
				}
			}
			o := all[k.Name]
			if o == nil {
				t.Fatal("has no example")
			}
			if reflect.TypeOf(o) != reflect.TypeOf(k.New()) || k.Singleton != (o.ObjectName() == mdc.SingletonName) {
				t.Errorf("New gives a %T named %q", k.New(), o.ObjectName())
			}
			checkCanonical(t, k, k.New())
			checkCanonical(t, k, o)
			checkFaults(t, k, o)
			checkReferences(t, k, o)
			checkSecrets(t, o)
		})
		seen[k.Name], collections[k.Collection] = true, true
	}
	if len(seen) != len(all) {
		t.Errorf("%d kinds, %d examples", len(seen), len(all))
	}
}

// checkCanonical: what Encode gives, decodes to what Encode gives: digests and ETags hang on it.
func checkCanonical(t *testing.T, k mdc.Kind, o mdc.Object) {
	t.Helper()
	first, err := mdc.Encode(o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := k.Decode(first)
	if err != nil {
		t.Fatalf("decode %s: %v", first, err)
	}
	second, err := mdc.Encode(again)
	if err != nil || string(first) != string(second) {
		t.Errorf("%s became %s, %v", first, second, err)
	}
	if _, err := k.Decode([]byte(`{"name":`)); err == nil {
		t.Error("half an object was decoded")
	}
}

// checkFaults: an example has none, a zero object has some and does no harm.
func checkFaults(t *testing.T, k mdc.Kind, o mdc.Object) {
	t.Helper()
	if fields := o.Validate(); len(fields) > 0 {
		t.Errorf("the example has faults: %v", fields)
	}
	zero := reflect.New(reflect.TypeOf(k.New()).Elem()).Interface().(mdc.Object)
	zero.Normalize()
	if len(zero.Validate()) == 0 {
		t.Error("a zero object has no fault")
	}
	if refs := zero.References(); len(refs) > 0 {
		t.Errorf("a zero object refers to %v", refs)
	}
}

// checkReferences: they go to the kinds that are said, to all of them, and from where the pointer says.
func checkReferences(t *testing.T, k mdc.Kind, o mdc.Object) {
	t.Helper()
	var kinds []string
	for _, r := range o.References() {
		kinds = append(kinds, r.Kind)
		if got := at(t, o, r.Pointer); got != r.Name {
			t.Errorf("%s names %v, not %q", r.Pointer, got, r.Name)
		}
	}
	slices.Sort(kinds)
	if k.Name == "override" { // it lies over one object, whose kind it names itself
		if len(kinds) != 1 || !slices.Contains(k.RefersTo, kinds[0]) {
			t.Errorf("refers to %v, want one of %v", kinds, k.RefersTo)
		}
		return
	}
	if d := cmp.Diff(slices.Sorted(slices.Values(k.RefersTo)), slices.Compact(kinds)); d != "" {
		t.Errorf("kinds referred to (-declared +used):\n%s", d)
	}
}

// at follows a JSON pointer into the object's own JSON.
func at(t *testing.T, o mdc.Object, pointer string) any {
	t.Helper()
	b, err := mdc.Encode(o)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch x := v.(type) {
		case map[string]any:
			v = x[token]
		case []any:
			var i int
			if _, err := fmt.Sscan(token, &i); err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// checkSecrets: each is a field of the object itself, and is written as its hash only (SEC-68).
func checkSecrets(t *testing.T, o mdc.Object) {
	t.Helper()
	holder, ok := o.(mdc.SecretHolder)
	if !ok {
		return
	}
	for pointer, s := range holder.Secrets() {
		was := *s
		*s = mdc.NewSecret("plain-as-day-plain-as-day")
		s.Hash = "the hash"
		if strings.Count(pointer, "/") != 1 || !cmp.Equal(at(t, o, pointer), any(map[string]any{"hash": "the hash"})) {
			t.Errorf("%s is %v", pointer, at(t, o, pointer))
		}
		b, err := mdc.Encode(o)
		if said := string(b) + fmt.Sprintf("%v %+v %#v %s", o, o, *s, *s); err != nil || strings.Contains(said, "plain-as-day") {
			t.Errorf("the plain text got out: %s, %v", said, err)
		}
		*s = mdc.NewSecret("short")
		if !has(o.Validate(), pointer) {
			t.Errorf("%s: a short one is accepted", pointer)
		}
		*s = was
	}
}

func has(fields []fault.Field, pointer string) bool {
	return slices.ContainsFunc(fields, func(f fault.Field) bool { return f.Pointer == pointer })
}

// Whatever is in the fields, Validate answers with faults of a bounded length that name where they are.
func TestHostileObjects(t *testing.T) {
	for name, bad := range map[string]string{
		"long": strings.Repeat("a", 1<<20), "control": "a\x00b\r\nSet-Cookie: x", "not UTF-8": "\xff\xfe", "markup": "<script>", "path": "../../x",
		"template": "{{.}}", "space": " ",
	} {
		t.Run(name, func(t *testing.T) {
			for _, o := range []mdc.Object{
				&mdc.User{Name: bad, DisplayName: bad, Email: bad, Attributes: map[string]string{bad: bad}, Groups: []string{bad}},
				&mdc.Group{Name: bad, Description: bad, SecurityDomain: bad},
				&mdc.SecurityDomain{Name: bad, Description: bad}, &mdc.IdentityStore{Name: bad, URLs: []string{bad}, BindDN: bad, BindPassword: mdc.NewCredential(bad), CACertificatePEM: bad, UserSearchBase: bad, UserFilter: bad, UserNameAttribute: bad,
					GroupSearchBase: bad, GroupFilter: bad, GroupNameAttribute: bad, MemberOfAttribute: bad, DisplayNameAttribute: bad, EmailAttribute: bad, AttributeMapping: map[string]string{bad: bad}},
				&mdc.StoreCredential{Store: bad, Password: bad},
				&mdc.AuthenticationScheme{Name: bad, Steps: []mdc.SchemeStep{{Method: bad, IdentityStore: bad}}},
				&mdc.AdminRole{Name: bad, Permissions: []mdc.Permission{{Actions: []string{bad}, Kinds: []string{bad}, SecurityDomains: []string{bad}}}, Users: []string{bad}},
				&mdc.AdminToken{Name: bad, Roles: []string{bad}},
				&mdc.Agent{Name: bad, Hosts: []string{bad}, StartPage: bad, CertificateIdentities: []string{bad}},
				&mdc.Application{Name: bad, Hosts: []string{bad + "/"}, Resources: map[string]mdc.Resource{bad: {Paths: []string{bad}, Methods: []string{bad}, Protection: bad, AuthenticationScheme: bad}}},
				&mdc.AuthorizationPolicy{Name: bad, Rules: []mdc.Rule{{Effect: bad, Users: []string{bad}}}},
				&mdc.DataCenter{ClusterID: bad, Role: bad, SecurityMode: bad, WriteRequires: bad},
				&mdc.PartnerProfile{AgentID: bad},
				&mdc.Partner{ClusterID: bad, AgentID: bad, Primary: []string{bad}, SecurityMode: bad, RESTEndpoint: bad},
				&mdc.TrustedCertificate{Name: bad, CertificatePEM: bad, Partner: bad},
				&mdc.Agreement{Name: bad, Source: bad, Target: bad, DocumentType: bad},
				&mdc.Keyset{Purpose: bad}, &mdc.DataCenterKey{ClusterID: bad},
			} {
				fields := o.Validate()
				if len(fields) == 0 && bad != "" {
					t.Errorf("%T is accepted", o)
				}
				for _, f := range fields {
					if len(f.Detail)+len(f.Pointer) > 1000 || strings.ContainsAny(f.Detail, "\r\n\x00") {
						t.Errorf("%T answers %.200q at %.200q", o, f.Detail, f.Pointer)
					}
				}
			}
		})
	}
}

// The bounds that a session in every data center relies on.
func TestUserBounds(t *testing.T) {
	user := func(attributes, value, groups int) *mdc.User {
		u := &mdc.User{Name: "ann", Attributes: map[string]string{}}
		for i := range attributes {
			u.Attributes[fmt.Sprint(i)] = strings.Repeat("v", value)
		}
		for i := range groups {
			u.Groups = append(u.Groups, fmt.Sprint(i))
		}
		return u
	}
	if fields := user(mdc.MaxAttributes, mdc.MaxAttributeValue, mdc.MaxGroups).Validate(); len(fields) > 0 {
		t.Errorf("the largest user: %v", fields)
	}
	for pointer, u := range map[string]*mdc.User{
		"/attributes":   user(mdc.MaxAttributes+1, 1, 0),
		"/attributes/0": user(1, mdc.MaxAttributeValue+1, 0),
		"/groups":       user(0, 0, mdc.MaxGroups+1),
	} {
		if !has(u.Validate(), pointer) {
			t.Errorf("%s: one more is accepted", pointer)
		}
	}
}

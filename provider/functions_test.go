package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider"
)

// call calls a function of one text as Terraform does, with no provider block.
func call(t *testing.T, name, argument string, result tftypes.Type) (tftypes.Value, *tfprotov6.FunctionError) {
	t.Helper()
	server := providerserver.NewProtocol6(provider.New("test")())()
	d, err := tfprotov6.NewDynamicValue(tftypes.String, tftypes.NewValue(tftypes.String, argument))
	if err != nil {
		t.Fatal(err)
	}
	r, err := server.CallFunction(t.Context(), &tfprotov6.CallFunctionRequest{Name: name, Arguments: []*tfprotov6.DynamicValue{&d}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Error != nil {
		return tftypes.Value{}, r.Error
	}
	v, err := r.Result.Unmarshal(result)
	if err != nil {
		t.Fatal(err)
	}
	return v, nil
}

// TestCertificateFingerprint: a fingerprint is what the API gives for the same certificate, however the text is laid out; what is not
// exactly one certificate is refused at the argument, and a key is not repeated (SEC-68).
func TestCertificateFingerprint(t *testing.T) {
	d := testkit.Start(t, "NYDC")[0]
	var bundle wire.TrustBundle
	d.Get("/v1/trust/bundle", &bundle)
	root := bundle.CertificatePEM
	for name, text := range map[string]string{"as it is": root, "in blanks": " \r\n" + strings.ReplaceAll(root, "\n", "\r\n") + "\n\n"} {
		v, e := call(t, "certificate_fingerprint", text, tftypes.String)
		if e != nil || !v.Equal(tftypes.NewValue(tftypes.String, bundle.FingerprintsSHA256[0])) {
			t.Errorf("%s: %s %+v, want %s", name, v, e, bundle.FingerprintsSHA256)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":     {"", "holds no certificate"},
		"blanks":      {" \n", "holds no certificate"},
		"text":        {"hunter2", "is not PEM"},
		"two":         {root + root, "holds 2 certificates; give them one at a time"},
		"nine":        {strings.Repeat(root, 9), "holds more than 8 certificates"},
		"key":         {"-----BEGIN EC PRIVATE KEY-----\nhunter2\n-----END EC PRIVATE KEY-----", "holds a private key"},
		"key beside":  {root + "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "holds a private key"},
		"request":     {"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----", "holds a PEM block that is no certificate"},
		"broken":      {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "cannot be read"},
		"very long":   {strings.Repeat("a", 1<<20), "longer than 65536 bytes"},
		"half of one": {root[:len(root)/2], "is not PEM"},
	} {
		if v, e := call(t, "certificate_fingerprint", c.text, tftypes.String); e == nil || e.FunctionArgument == nil || *e.FunctionArgument != 0 || !strings.Contains(e.Text, c.want) || strings.Contains(e.Text, "hunter2") {
			t.Errorf("%s: %s %+v", name, v, e)
		}
	}
}

// TestParseOAMProperties: the function gives every attribute of its result, null where the file says nothing, and refuses at its
// argument (OAM-40). What each property becomes is tested beside the parser.
func TestParseOAMProperties(t *testing.T) {
	f := schemas(t).Functions["parse_oam_properties"]
	v, e := call(t, "parse_oam_properties", "AccessClientPasswd=two words\nPrimaryHostPort=a:1\nReauthenticate=false\nSessionDataRetrievalOnDemandMax_retry_attempts=2\nx=1", f.Return.Type)
	if e != nil {
		t.Fatalf("%+v", e)
	}
	var got map[string]tftypes.Value
	if err := v.As(&got); err != nil {
		t.Fatal(err)
	}
	text := func(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }
	list := tftypes.List{ElementType: tftypes.String}
	for name, want := range map[string]tftypes.Value{"passphrase": text("two words"), "primary": tftypes.NewValue(list, []tftypes.Value{text("a:1")}), "secondary": tftypes.NewValue(list, nil),
		"reauthenticate": tftypes.NewValue(tftypes.Bool, false), "anchored": tftypes.NewValue(tftypes.Bool, nil), "retrieval_max_attempts": tftypes.NewValue(tftypes.Number, 2),
		"cluster_id": tftypes.NewValue(tftypes.String, nil), "unknown": tftypes.NewValue(list, []tftypes.Value{text("x")})} {
		if !got[name].Equal(want) {
			t.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
	if len(got) != 17 {
		t.Errorf("%d attributes: %v", len(got), got)
	}
	if _, e := call(t, "parse_oam_properties", "Reauthenticate=perhaps", f.Return.Type); e == nil || e.FunctionArgument == nil || *e.FunctionArgument != 0 || !strings.Contains(e.Text, `line 1: Reauthenticate is "perhaps"`) {
		t.Errorf("%+v", e)
	}
}

package httpapi_test

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/cli"
)

// TestTrustCommands: the operator's way from a stranger to trust and back: look, compare, import by the fingerprint or from a file,
// list, remove. Without the right fingerprint nothing is imported, and a key is never sent (MSS-10, SEC-68).
func TestTrustCommands(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	ny, ldn := both[0], both[1]
	var own wire.TrustBundle
	ldn.Get("/v1/trust/bundle", &own)
	root := own.FingerprintsSHA256[0]
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	block, _ := pem.Decode([]byte(own.CertificatePEM))
	pkcs8, _, _ := keys(t)
	asPEM, asDER := file("root.pem", []byte(own.CertificatePEM)), file("root.der", block.Bytes)
	keyPEM, keyDER := file("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), file("key.der", pkcs8)
	leaf, _, _ := strings.Cut(own.CertificatePEM, "\n")
	broken := file("broken.pem", []byte(leaf+"\nAAAA\n-----END CERTIFICATE-----\n"))
	inspected, err := inspect(t, ny, wire.TrustInspect{Address: ldn.PeerAddress})
	if err != nil {
		t.Fatal(err)
	}
	issuer := inspected.Certificates[1].FingerprintSHA256
	colons := strings.ToUpper(root[:2]) + ":" + root[2:]
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"look", []string{"inspect", ldn.PeerAddress}, cli.ExitFine, "spiffe://ldc/node/ldc1"},
		{"look at the bundle", []string{"inspect", "--bundle", ldn.PeerAddress}, cli.ExitFine, root},
		{"look at no address", []string{"inspect", "ldc"}, cli.ExitFailed, "host:port"},
		{"fingerprint of PEM", []string{"fingerprint", asPEM}, cli.ExitFine, root},
		{"fingerprint of DER", []string{"fingerprint", asDER}, cli.ExitFine, root},
		{"fingerprint of a key", []string{"fingerprint", keyPEM}, cli.ExitFailed, "private key"},
		{"without a source", []string{"import", "x"}, cli.ExitUsage, "--file or --address"},
		{"on first sight", []string{"import", "x", "--address", ldn.PeerAddress}, cli.ExitUsage, "--fingerprint"},
		{"by half a fingerprint", []string{"import", "x", "--address", ldn.PeerAddress, "--fingerprint", root[:32]}, cli.ExitUsage, "64 hex digits"},
		{"by another fingerprint", []string{"import", "x", "--address", ldn.PeerAddress, "--fingerprint", strings.Repeat("0", 64)}, cli.ExitFailed, "nothing was imported"},
		{"a file by another fingerprint", []string{"import", "x", "--file", asPEM, "--fingerprint", strings.Repeat("0", 64)}, cli.ExitFailed, "nothing was imported"},
		{"a key", []string{"import", "x", "--file", keyPEM}, cli.ExitFailed, "Nothing was sent"},
		{"a key as DER", []string{"import", "x", "--file", keyDER}, cli.ExitFailed, "Nothing was sent"},
		{"a broken file", []string{"import", "x", "--file", broken}, cli.ExitFailed, "cannot be read"},
		{"no file", []string{"import", "x", "--file", filepath.Join(dir, "none")}, cli.ExitFailed, "none"},
		{"the issuer, which is presented", []string{"import", "issuer", "--address", ldn.PeerAddress, "--fingerprint", issuer, "--partner", "LDC"}, cli.ExitFine, "intermediate"},
		{"the root, which is published", []string{"import", "root", "--address", ldn.PeerAddress, "--fingerprint", colons, "--partner", "LDC"}, cli.ExitFine, "root"},
		{"the same name again", []string{"import", "root", "--file", asPEM}, cli.ExitFailed, "already"},
		{"a file as DER", []string{"import", "der", "--file", asDER, "--fingerprint", root}, cli.ExitFine, "all"},
		{"list", []string{"list"}, cli.ExitFine, "issuer"},
		{"remove", []string{"remove", "der"}, cli.ExitFine, "no longer trusted"},
		{"remove what is not there", []string{"remove", "der"}, cli.ExitFailed, "der"},
	} {
		code, text := command(ny, append([]string{"trust"}, c.args...)...)
		if code != c.code || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d, want %d with %q: %s", c.name, code, c.code, c.says, text)
		}
	}
	var all wire.Page[wire.TrustedCertificateView]
	ny.Get("/v1/trust/certificates", &all)
	if len(all.Items) != 2 || all.Items[0].FingerprintSHA256 != issuer || all.Items[1].FingerprintSHA256 != root || all.Items[1].Partner != "LDC" {
		t.Errorf("trusted in the end: %+v", all.Items)
	}
}

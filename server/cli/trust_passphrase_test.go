package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/cli"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// TestPassphrase: what concord trust passphrase makes can be declared, counts as strong, and is another one each time (MSS-07).
func TestPassphrase(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 500 {
		code, out, errs := run(nil, "trust", "passphrase")
		made := strings.TrimSuffix(out, "\n")
		if code != cli.ExitFine || errs != "" || seen[made] {
			t.Fatalf("exit %d, %q, %q", code, out, errs)
		}
		seen[made] = true
		profile := mdc.PartnerProfile{AgentID: "a", Passphrase: mdc.NewPassphrase(made)}
		if bits := mdc.PassphraseBits(made); bits < mdc.StrongPassphrase || len(profile.Validate()) > 0 {
			t.Fatalf("%q: %.0f bits, %v", made, bits, profile.Validate())
		}
	}
	code, out, _ := run(nil, "trust", "passphrase", "-o", "json")
	var got map[string]string
	if err := json.Unmarshal([]byte(out), &got); code != cli.ExitFine || err != nil || len(got["passphrase"]) != 29 {
		t.Errorf("exit %d, %q", code, out)
	}
}

package provider_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestCertificateAlone: apply by an administrator's certificate and no token, in the block's two forms; an agent lists certificates.
func TestCertificateAlone(t *testing.T) {
	s, _ := start(t)
	ann, dir := s.Administrator("ann"), t.TempDir()
	for name, text := range map[string]string{"cert.pem": ann.CertPEM, "key.pem": ann.KeyPEM} {
		writeFile(t, filepath.Join(dir, name), text)
	}
	block := func(rest string) string {
		return fmt.Sprintf("provider \"concord\" {\n  endpoint = %q\n  ca_cert_pem = %q\n  max_retries = 1\n%s\n}\n", s.Endpoint, s.CACertPEM, rest)
	}
	text := block(fmt.Sprintf("  client_cert_pem = %q\n  client_key_pem = %q", ann.CertPEM, ann.KeyPEM))
	file := block(fmt.Sprintf("  client_cert_file = %q\n  client_key_file = %q", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")))
	agent := func(id string) string {
		return `resource "concord_agent" "x" {
  name                   = "web"
  hosts                  = ["https://shop.example"]
  certificate_identities = ["` + id + `"]
}
`
	}
	acceptance(t,
		resource.TestStep{Config: text + agent("spiffe://nydc/agent/web"), Check: resource.TestCheckResourceAttr("concord_agent.x", "certificate_identities.#", "1")},
		resource.TestStep{Config: file + agent("spiffe://ldc/agent/web"), Check: resource.TestCheckTypeSetElemAttr("concord_agent.x", "certificate_identities.*", "spiffe://ldc/agent/web")},
		resource.TestStep{ResourceName: "concord_agent.x", ImportState: true, ImportStateId: "web", ImportStateVerify: true, Config: file + agent("spiffe://ldc/agent/web")},
		resource.TestStep{Config: file + agent("spiffe://LDC/agent/web"), ExpectError: regexp.MustCompile(words("cluster id in lower case"))},
		resource.TestStep{Config: file + agent("spiffe://ldc/agent/other"), ExpectError: regexp.MustCompile(words("names the agent"))},
		resource.TestStep{PreConfig: func() { s.Revoke(ann) }, Config: file + agent("spiffe://nydc/agent/web"), ExpectError: regexp.MustCompile("revoked")},
		resource.TestStep{Config: s.block("concord") + agent("spiffe://nydc/agent/web")},
	)
}

// TestJoinToken: a token comes out of an apply and is nowhere in the state; it works once, and is withdrawn at the end if that was
// asked for.
func TestJoinToken(t *testing.T) {
	s, provider := start(t)
	file := filepath.Join(t.TempDir(), "token")
	config := func(extra string) string {
		return provider + fmt.Sprintf(`
ephemeral "concord_join_token" "x" {
  purpose = "agent"
  name    = "web"
  ttl     = "5m"
%s
}

resource "terraform_data" "x" {
  triggers_replace = %q
  provisioner "local-exec" {
    command     = "printf %%s \"$TOKEN\" > '%s'"
    environment = { TOKEN = ephemeral.concord_join_token.x.token }
  }
}
`, extra, extra, file)
	}
	states := func() map[string]int {
		var page wire.Page[wire.JoinTokenView]
		s.Get("/v1/trust/join-tokens?limit=1000", &page)
		out := map[string]int{}
		for _, v := range page.Items {
			out[v.State]++
		}
		return out
	}
	enrol := func(state *terraform.State) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if strings.Contains(state.String(), string(text)) {
			return errors.New("the token is in the state")
		}
		token, err := wire.ParseJoinToken(string(text))
		if err != nil {
			return err
		}
		csr, _, err := client.SigningRequest("spiffe://nydc/agent/web")
		if err != nil {
			return err
		}
		p, err := client.OpenPinned(t.Context(), client.PinOf(token))
		if err != nil {
			return err
		}
		defer p.Close()
		var made wire.CertificateMade
		_, err = p.Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/peer/v1/enroll", Out: &made,
			In: wire.PeerEnroll{ID: token.ID, Purpose: token.Purpose, Secret: token.Secret, CSRPEM: csr}})
		return err
	}
	acceptance(t,
		resource.TestStep{Config: config(""), Check: enrol},
		resource.TestStep{PreConfig: func() {
			if got := states(); got["used"] != 1 || got["revoked"] != 0 {
				t.Errorf("after the first apply: %v", got)
			}
		}, Config: config("revoke_on_close = true"), Check: func(*terraform.State) error {
			if got := states(); got["revoked"] == 0 {
				return fmt.Errorf("nothing was withdrawn: %v", got)
			}
			return nil
		}},
		resource.TestStep{Config: strings.Replace(config(""), `name    = "web"`, "", 1), ExpectError: regexp.MustCompile(words("Whom is the agent's token for"))},
		resource.TestStep{Config: strings.Replace(config(""), `"agent"`, `"data_center"`, 1), ExpectError: regexp.MustCompile(words("named by cluster_id"))},
		resource.TestStep{Config: strings.Replace(config(""), `"5m"`, `"25h"`, 1), ExpectError: regexp.MustCompile(words("between 1m and 24h"))},
		resource.TestStep{Config: config("")},
	)
}

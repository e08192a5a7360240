package provider_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/provider"
)

// acceptance runs steps with the real Terraform, in parallel with other tests.
func acceptance(t *testing.T, steps ...resource.TestStep) {
	t.Helper()
	acceptanceCase(t, resource.TestCase{Steps: steps})
}

// acceptanceCase is acceptance for tests that set more than steps.
func acceptanceCase(t *testing.T, c resource.TestCase) {
	t.Helper()
	needTerraform(t)
	t.Parallel()
	c.ProtoV6ProviderFactories = factories()
	c.IsUnitTest = true // no TF_ACC: the data centers are in this process, nothing of it costs money
	resource.Test(t, c)
}

// factories gives the provider under two names. Aliases of one name share one server in this kind of test, and so would
// both speak to the data center that was configured last; outside of tests each alias is a process of its own.
func factories() map[string]func() (tfprotov6.ProviderServer, error) {
	served := func() (tfprotov6.ProviderServer, error) { return provider.Server("test")(), nil }
	return map[string]func() (tfprotov6.ProviderServer, error){"concord": served, "ldc": served}
}

func needTerraform(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("terraform is not in PATH")
	}
}

// site is one data center with what a configuration says about it.
type site struct {
	*testkit.DataCenter
	t *testing.T
}

// start runs one fresh data center NYDC and gives it with its provider block.
func start(t *testing.T) (site, string) {
	t.Helper()
	needTerraform(t)
	s := site{testkit.Start(t, "NYDC")[0], t}
	return s, s.block("concord")
}

// block is a provider block for the data center, under one of the names of factories.
func (s site) block(name string) string {
	return fmt.Sprintf("provider %q {\n  endpoint    = %q\n  token       = %q\n  ca_cert_pem = %q\n  max_retries = 1\n}\n", name, s.Endpoint, s.Token, s.CACertPEM)
}

// patch changes an object behind Terraform's back.
func (s site) patch(path string, change map[string]any) func() {
	return func() {
		s.t.Helper()
		if _, err := s.Admin().Do(s.t.Context(), client.Request{Method: http.MethodPatch, Path: path, In: change}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// remove deletes an object behind Terraform's back.
func (s site) remove(path string) func() {
	return func() {
		s.t.Helper()
		if _, err := s.Admin().Do(s.t.Context(), client.Request{Method: http.MethodDelete, Path: path}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// get reads an object into out.
func (s site) get(path string, out any) error {
	_, err := s.Admin().Do(s.t.Context(), client.Request{Method: http.MethodGet, Path: path, Out: out})
	return err
}

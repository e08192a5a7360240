// Command terraform-provider-concord is the Terraform provider for Concord. Terraform starts it; with -debug a person does,
// and tells Terraform where it listens (TF_REATTACH_PROVIDERS, which it prints).
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/concord-access/terraform-provider-concord/provider"
)

// version is set by the release build: -ldflags "-X main.version=…".
var version = "0.1.0"

func main() {
	debug := flag.Bool("debug", false, "run so that a debugger can be attached")
	flag.Parse()
	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{Address: provider.Address, ProtocolVersion: 6, Debug: *debug})
	if err != nil {
		log.Fatal(err)
	}
}

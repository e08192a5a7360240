// Command terraform-provider-concord is the Terraform provider for Concord. Terraform starts it; with -debug a person does,
// and tells Terraform where it listens (TF_REATTACH_PROVIDERS, which it prints).
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"runtime"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/concord-access/terraform-provider-concord/provider"
)

// version is set by the release build: -ldflags "-X main.version=…".
var version = "0.1.0"

func main() {
	debug := flag.Bool("debug", false, "run so that a debugger can be attached")
	flag.Parse()
	if !*debug { // whose own standard error a person reads
		for name, level := range provider.LogLevels(os.Getenv) {
			if err := os.Setenv(name, level); err != nil {
				log.Fatal(err)
			}
		}
	}
	ballast := reserve()
	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{Address: provider.Address, ProtocolVersion: 6, Debug: *debug})
	runtime.KeepAlive(ballast)
	if err != nil {
		log.Fatal(err)
	}
}

// reserve makes Go's collector begin later: it waits until what is alive has doubled, which of the few megabytes that a provider holds
// is many times a second. It is never written to, so it takes no memory itself; up to as much more garbage lies about.
func reserve() []byte { return make([]byte, 64<<20) }

// Command terraform-provider-concord is the Terraform provider for Concord. Terraform starts it; with -debug a person does,
// and tells Terraform where it listens (TF_REATTACH_PROVIDERS, which it prints).
package main

import (
	"flag"
	"log"
	"os"
	"runtime"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

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
	var opts []tf6server.ServeOpt
	if *debug {
		opts = append(opts, tf6server.WithManagedDebug())
	}
	err := tf6server.Serve(provider.Address, provider.Server(version), opts...)
	runtime.KeepAlive(ballast)
	if err != nil {
		log.Fatal(err)
	}
}

// reserve makes Go's collector begin later: it waits until what is alive has doubled, which of the few megabytes that a provider holds
// is many times a second. It is never written to, so it takes no memory itself; up to as much more garbage lies about.
func reserve() []byte { return make([]byte, 64<<20) }

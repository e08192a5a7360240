// Command concord is the server and the operator's tool; see package cli.
package main

import (
	"os"

	"github.com/concord-access/terraform-provider-concord/server/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr, os.Getenv))
}

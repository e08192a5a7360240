// Command genopenapi writes the OpenAPI description of each listener into a directory: the documents that a running node
// serves at /openapi.json. `make generate` runs it; CI fails when what it writes is not what is committed.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/concord-access/terraform-provider-concord/server/httpapi"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: genopenapi DIRECTORY VERSION")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "genopenapi:", err)
		os.Exit(1)
	}
}

func write(dir, version string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // documentation is for everybody
		return err
	}
	for name, doc := range httpapi.Descriptions(version) {
		b, err := json.MarshalIndent(doc, "", "  ")
		if err != nil {
			return fmt.Errorf("describe %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".json"), append(b, '\n'), 0o644); err != nil { //nolint:gosec // the same
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/concord-access/terraform-provider-concord/internal/dist/archive"
)

// billOfMaterials lists what the linker put into a program, with the licences that the modules carry. It is read from
// the program, not from go.mod: what is not in it is not listed.
func (r *release) billOfMaterials(ctx context.Context, program, file string) error {
	raw := filepath.Join(filepath.Dir(program), "parts.json")
	// Without serial and time, which would differ each time.
	cmd := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/sbom/go.mod", "cyclonedx-gomod", "bin", "-json", "-noserial", "-notimestamp", //nolint:gosec // words of our own
		"-std", "-licenses", "-version", "v"+r.version, "-output", raw, program)
	if err := said(cmd); err != nil {
		return err
	}
	b, err := os.ReadFile(raw) //nolint:gosec // written a moment ago
	if err != nil {
		return fmt.Errorf("read the bill of materials: %w", err)
	}
	var bill map[string]any
	if err := json.Unmarshal(b, &bill); err != nil {
		return fmt.Errorf("read the bill of materials: %w", err)
	}
	settle(bill)
	return archive.Create(file, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(bill) //nolint:wrapcheck // archive says of what
	})
}

// settle takes out the checksums of the tool itself, which say on what machine it was built, and adds our own licence, which
// the tool looks for in a module that is not published yet.
func settle(bill map[string]any) {
	about, _ := bill["metadata"].(map[string]any)
	tools, _ := about["tools"].([]any)
	for _, t := range tools {
		if tool, ok := t.(map[string]any); ok {
			delete(tool, "hashes")
		}
	}
	if whole, ok := about["component"].(map[string]any); ok {
		whole["licenses"] = []any{map[string]any{"license": map[string]any{"id": "MPL-2.0"}}}
	}
}

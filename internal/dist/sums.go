package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/concord-access/terraform-provider-concord/internal/dist/archive"
)

// writeSums writes what `sha256sum --check` reads.
func writeSums(folder, name string, files []string) error {
	slices.Sort(files)
	return archive.Create(filepath.Join(folder, name), func(w io.Writer) error {
		for _, file := range files {
			sum, err := sumOf(filepath.Join(folder, file))
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%x  %s\n", sum, file); err != nil {
				return err //nolint:wrapcheck // names the file
			}
		}
		return nil
	})
}

func sumOf(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err //nolint:wrapcheck // names the file
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return h.Sum(nil), nil
}

// sign writes the detached, binary signature that the registry asks for. Where the key is, and who unlocks it, is gpg's matter.
func (r *release) sign(ctx context.Context, sums string) error {
	if r.key == "" {
		return nil
	}
	file := filepath.Join(r.out, sums)
	return said(exec.CommandContext(ctx, "gpg", "--batch", "--local-user", r.key, "--output", file+".sig", "--detach-sign", file)) //nolint:gosec // an argument, no command
}

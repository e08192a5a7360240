package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// terraform is a folder with a configuration of one provider.
type terraform struct {
	program, dir string
	env          []string
}

// terraform lays a configuration out. A provider is the built one, or the one that does nothing, which is built here.
func (s *stage) terraform(ctx context.Context, provider, config string, a *admin) (*terraform, error) {
	program, err := exec.LookPath("terraform")
	if err != nil {
		return nil, errors.New("terraform is not in PATH; see https://developer.hashicorp.com/terraform/install")
	}
	plugins := filepath.Join(s.root, "bin")
	if provider == "idle" {
		plugins = filepath.Join(s.dir, "plugins")
		cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(plugins, "terraform-provider-idle"), "./internal/bench/idle")
		cmd.Dir = s.root
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the provider that does nothing: %w\n%s", err, out)
		}
	}
	t := &terraform{program: program, dir: filepath.Join(s.dir, "terraform-"+provider)}
	if err := os.MkdirAll(t.dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the configuration's folder: %w", err)
	}
	rc := filepath.Join(t.dir, "terraformrc")
	for name, text := range map[string]string{
		rc:                              fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"concord-access/%s\" = %q\n  }\n  direct {}\n}\n", provider, plugins),
		filepath.Join(t.dir, "main.tf"): fmt.Sprintf("terraform {\n  required_providers {\n    %s = { source = \"concord-access/%s\" }\n  }\n}\n%s", provider, provider, config),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("write configuration: %w", err)
		}
	}
	t.env = []string{"CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0", "TF_CLI_CONFIG_FILE=" + rc,
		"CONCORD_ENDPOINT=" + a.center.AdminURL, "CONCORD_TOKEN=" + a.token, "CONCORD_CACERT=" + a.center.CACertFile}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "TF_") && !strings.HasPrefix(kv, "CONCORD_") {
			t.env = append(t.env, kv)
		}
	}
	return t, nil
}

// forget removes the state.
func (t *terraform) forget() error {
	for _, name := range []string{"terraform.tfstate", "terraform.tfstate.backup"} {
		if err := os.Remove(filepath.Join(t.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the state: %w", err)
		}
	}
	return nil
}

// run gives the processor time of Terraform and its provider, in seconds.
func (t *terraform) run(ctx context.Context, args ...string) (cpu float64, err error) {
	cmd := exec.CommandContext(ctx, t.program, args...)
	cmd.Dir, cmd.Env = t.dir, t.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("terraform %s: %w\n%s", args[0], err, out[max(0, len(out)-2000):])
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), nil // with that of the children that it waited for
}

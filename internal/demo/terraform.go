package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// terraform runs the example in a copy of its own.
type terraform struct {
	program string
	layout  *layout
	plugins string
}

// newTerraform copies the example and lays the provider where `init -plugin-dir` finds it, for terraform and tofu alike.
func newTerraform(l *layout) (*terraform, error) {
	t := &terraform{layout: l, plugins: filepath.Join(l.dir, "plugins")}
	var err error
	if t.program, err = exec.LookPath("terraform"); err != nil {
		if t.program, err = exec.LookPath("tofu"); err != nil {
			return nil, errors.New("neither terraform nor tofu is in PATH; see https://developer.hashicorp.com/terraform/install")
		}
	}
	if err := os.CopyFS(l.terraform, os.DirFS(filepath.Join(l.root, "examples", "two-data-centers"))); err != nil {
		return nil, fmt.Errorf("copy the example: %w", err)
	}
	// State or a lock file of somebody who tried the example by hand is not part of it.
	for _, left := range []string{".terraform", ".terraform.lock.hcl", "terraform.tfstate", "terraform.tfstate.backup"} {
		_ = os.RemoveAll(filepath.Join(l.terraform, left))
	}
	if err := os.WriteFile(filepath.Join(l.dir, "terraformrc"), nil, 0o600); err != nil {
		return nil, fmt.Errorf("write terraformrc: %w", err)
	}
	return t, t.install()
}

func (t *terraform) install() error {
	for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
		dir := filepath.Join(t.plugins, host, "concord-access", "concord", "0.0.1", runtime.GOOS+"_"+runtime.GOARCH)
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return fmt.Errorf("make plugin folder: %w", err)
		}
		if err := os.Symlink(filepath.Join(t.layout.root, "bin", "terraform-provider-concord"), filepath.Join(dir, "terraform-provider-concord_v0.0.1")); err != nil {
			return fmt.Errorf("link the provider: %w", err)
		}
	}
	return nil
}

// run gives the output's last lines with an error, because there terraform says what is wrong.
func (t *terraform) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, t.program, args...)
	cmd.Dir = t.layout.terraform
	env, err := t.environment()
	if err != nil {
		return "", err
	}
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	text := string(out)
	_ = os.WriteFile(filepath.Join(t.layout.logs, "terraform-"+args[0]+".log"), out, 0o600)
	if err != nil {
		return text, fmt.Errorf("%s %s: %w\n%s", filepath.Base(t.program), args[0], err, tail(text, 60))
	}
	return text, nil
}

// environment has the variables of the example; the caller's own TF_ settings could change what is shown and are left out.
func (t *terraform) environment() ([]string, error) {
	env := []string{"CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0", "TF_CLI_CONFIG_FILE=" + filepath.Join(t.layout.dir, "terraformrc")}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "TF_") && !strings.HasPrefix(kv, "CONCORD_") {
			env = append(env, kv)
		}
	}
	own, err := t.layout.variables()
	return append(env, own...), err
}

// variables are those of the example, as NAME=value.
func (l *layout) variables() (env []string, err error) {
	for name, value := range map[string]any{
		"passwords":     l.passwords,
		"agent_secrets": l.secret,
		"origins":       map[string]string{l.master.ClusterID: l.master.origin(), l.clone.ClusterID: l.clone.origin()},
	} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encode variable %s: %w", name, err)
		}
		env = append(env, "TF_VAR_"+name+"="+string(text))
	}
	return append(env, "TF_VAR_dev_json="+filepath.Join(l.dir, "dev.json")), nil
}

// writeEnv writes what a shell needs to plan in the copied example. It holds passwords, so it is the owner's only.
func (l *layout) writeEnv() (string, error) {
	env, err := l.variables()
	if err != nil {
		return "", err
	}
	slices.Sort(env)
	var b strings.Builder
	for _, kv := range append(env, "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+filepath.Join(l.dir, "terraformrc")) {
		name, value, _ := strings.Cut(kv, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	file := filepath.Join(l.dir, "env")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return "", fmt.Errorf("write %s: %w", file, err)
	}
	return file, nil
}

// apply makes the example true and says how much that was.
func (t *terraform) apply(ctx context.Context) (string, error) {
	if _, err := t.run(ctx, "init", "-plugin-dir="+t.plugins, "-input=false", "-no-color"); err != nil {
		return "", err
	}
	out, err := t.run(ctx, "apply", "-auto-approve", "-input=false", "-no-color")
	if err != nil {
		return "", err
	}
	_, added, _ := strings.Cut(out, "Apply complete! Resources: ")
	return strings.TrimSuffix(tail(added, 1), "."), nil
}

// plan is right only when it is empty.
func (t *terraform) plan(ctx context.Context) (string, error) {
	out, err := t.run(ctx, "plan", "-detailed-exitcode", "-input=false", "-no-color")
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 2 {
		return "", fmt.Errorf("the plan after the apply is not empty:\n%s", tail(out, 60))
	}
	if err != nil {
		return "", err
	}
	return "no changes", nil
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

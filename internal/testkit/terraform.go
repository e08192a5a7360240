package testkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// terraformPatience bounds one run of Terraform, also on a slow machine under the race detector.
const terraformPatience = 3 * time.Minute

// pluginVersion is what the built provider is installed as; any release will do.
const pluginVersion = "0.1.0"

// BuildProvider makes the provider's program and installs it below dir as `terraform init -plugin-dir` wants it, for
// terraform and tofu alike.
func BuildProvider(dir string) (plugins string, err error) {
	program := filepath.Join(dir, "terraform-provider-concord")
	// With the flags of a release, so that the test of releases compiles the same packages and not everything once more.
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, "github.com/concord-access/terraform-provider-concord") //nolint:gosec // words of our own
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOAMD64=v1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the provider: %w\n%s", err, out)
	}
	plugins = filepath.Join(dir, "plugins")
	for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
		folder := filepath.Join(plugins, host, "concord-access", "concord", pluginVersion, runtime.GOOS+"_"+runtime.GOARCH)
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return "", fmt.Errorf("make plugin folder: %w", err)
		}
		if err := os.Symlink(program, filepath.Join(folder, "terraform-provider-concord_v"+pluginVersion)); err != nil {
			return "", fmt.Errorf("install the provider: %w", err)
		}
	}
	return plugins, nil
}

// Terraform runs the real program in one directory, with nothing of the caller's own settings. Other than the framework's
// acceptance tests it starts the provider as programs, one for each alias.
type Terraform struct {
	Dir string
	Env []string // besides the environment; NAME=value

	t       testing.TB
	program string
}

// NewTerraform finds terraform or tofu, or skips the test.
func NewTerraform(t testing.TB, dir string) *Terraform {
	t.Helper()
	for _, name := range []string{"terraform", "tofu"} {
		if program, err := exec.LookPath(name); err == nil {
			rc := filepath.Join(t.TempDir(), "terraformrc")
			if err := os.WriteFile(rc, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return &Terraform{Dir: dir, t: t, program: program,
				Env: []string{"TF_CLI_CONFIG_FILE=" + rc, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0"}}
		}
	}
	t.Skip("neither terraform nor tofu is in PATH")
	return nil
}

// Run gives what the program wrote, and its exit code.
func (r *Terraform) Run(args ...string) (output string, code int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), terraformPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.program, args...) //nolint:gosec // found in PATH
	cmd.Dir = r.Dir
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "TF_") && !strings.HasPrefix(kv, "CONCORD_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, r.Env...)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		r.t.Fatalf("run terraform %s: %v", strings.Join(args, " "), err)
	}
	return string(out), 0
}

// Must is Run that fails the test unless the exit code is 0.
func (r *Terraform) Must(args ...string) (output string) {
	r.t.Helper()
	out, code := r.Run(args...)
	if code != 0 {
		r.t.Fatalf("terraform %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// Inventory writes the data centers in the form of dev.json, with the files that it names, and gives its path.
func Inventory(t testing.TB, all ...*DataCenter) string {
	t.Helper()
	type entry struct {
		ClusterID  string `json:"cluster_id"`
		AdminURL   string `json:"admin_url"`
		RuntimeURL string `json:"runtime_url"`
		PeerURL    string `json:"peer_url"`
		TokenFile  string `json:"token_file"`
		CACertFile string `json:"ca_cert_file"`
	}
	var list []entry
	for _, d := range all {
		list = append(list, entry{d.ClusterID, d.Endpoint, d.RuntimeURL, "https://" + d.PeerAddress, d.cfg.TokenFile(), d.cfg.CAFile()})
	}
	b, err := json.Marshal(map[string]any{"data_centers": list})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dev.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

package provider_test

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// programs are what the tests share that run Terraform or a data center as programs of their own; each is made at most once.
type programs struct {
	dir      string
	provider func() (string, error)
	server   func() (string, error)
}

var thePrograms = newPrograms() // never changed after it is made

func newPrograms() programs {
	dir, err := os.MkdirTemp("", "concord")
	if err != nil {
		panic(err) // no test could run
	}
	return programs{dir, sync.OnceValues(func() (string, error) { return testkit.BuildProvider(dir) }), sync.OnceValues(func() (string, error) { return testkit.Build(dir) })}
}

// TestMain removes the programs.
func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(thePrograms.dir)
	os.Exit(code)
}

// byHand is a folder with a configuration, and a Terraform that is run in it as a person does. It needs no init.
type byHand struct {
	t   *testing.T
	dir string
	env []string // of each run; NAME=value
}

// required is the block that every configuration run by hand has.
const required = "terraform {\n  required_providers {\n    concord = { source = \"concord-access/concord\" }\n  }\n}\n"

// aliased writes the second provider of a configuration for acceptance tests as the alias that it is for a Terraform run by hand.
func aliased(config string) string {
	config = strings.ReplaceAll(config, `provider "ldc" {`, "provider \"concord\" {\n  alias = \"ldc\"")
	return required + regexp.MustCompile(`(?m)^(\s+provider\s+= )ldc$`).ReplaceAllString(config, "${1}concord.ldc")
}

// newByHand is a folder of its own, in which Terraform takes a provider that was just built and asks nobody on the network.
func newByHand(t *testing.T, config string) *byHand {
	t.Helper()
	needTerraform(t)
	h := &byHand{t: t, dir: t.TempDir()}
	if _, err := thePrograms.provider(); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(t.TempDir(), "terraformrc")
	writeFile(t, settings, fmt.Sprintf("provider_installation {\n  dev_overrides { %q = %q }\n  filesystem_mirror { path = %q }\n}\n", "concord-access/concord", thePrograms.dir, t.TempDir()))
	h.env = []string{"TF_CLI_CONFIG_FILE=" + settings, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0"}
	if config != "" {
		h.write("main.tf", required+config)
	}
	return h
}

func (h *byHand) write(name, text string) {
	h.t.Helper()
	writeFile(h.t, filepath.Join(h.dir, name), text)
}

func (h *byHand) rename(from, to string) {
	h.t.Helper()
	if err := os.Rename(filepath.Join(h.dir, from), filepath.Join(h.dir, to)); err != nil {
		h.t.Fatal(err)
	}
}

// run gives what Terraform said, and its exit code.
func (h *byHand) run(verb string, args ...string) (out string, code int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform"), append([]string{verb, "-no-color"}, args...)...)
	cmd.Dir, cmd.Env = h.dir, append(os.Environ(), h.env...)
	all, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(all), exit.ExitCode()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return string(all), 0
}

// must is run that fails the test unless the exit code is 0.
func (h *byHand) must(verb string, args ...string) string {
	h.t.Helper()
	out, code := h.run(verb, args...)
	if code != 0 {
		h.t.Fatalf("terraform %s %v: exit code %d\n%s", verb, args, code, out)
	}
	return out
}

// empty fails the test unless a plan has nothing to do.
func (h *byHand) empty(args ...string) {
	h.t.Helper()
	if out, code := h.run("plan", append(args, "-detailed-exitcode")...); code != 0 {
		h.t.Errorf("the plan is not empty, exit code %d:\n%s", code, out)
	}
}

// has says whether this Terraform has a command.
func (h *byHand) has(verb string) bool {
	h.t.Helper()
	_, code := h.run(verb, "-help")
	return code == 0
}

// everything is the text of each file in the folder by name; what is an archive, as a saved plan is, counts by its entries.
func (h *byHand) everything() map[string]string {
	h.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name := strings.TrimPrefix(path, h.dir+"/")
		if all[name] = string(b); strings.HasPrefix(string(b), "PK\x03\x04") {
			err = errors.Join(err, unpack(path, name, all))
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

func unpack(path, name string, into map[string]string) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return err
		}
		b, err := io.ReadAll(r)
		into[name+"/"+f.Name] = string(b)
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

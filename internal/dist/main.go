package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/concord-access/terraform-provider-concord/internal/dist/archive"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		stop()
		os.Exit(1) //nolint:gocritic // the only deferred call has been made
	}
}

// release is one run: what is made, of which source, to where.
type release struct {
	out      string // folder of the files; made here
	version  string // without v
	epoch    int64  // seconds since 1970 that every file is dated with
	key      string // fingerprint of the key to sign with; "" = unsigned
	products []product
	targets  []target // of these each product is made for those that it is meant for
}

func run(ctx context.Context, args []string) error {
	r, err := parse(ctx, args)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, p := range r.products {
		if err := r.make(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func parse(ctx context.Context, args []string) (*release, error) {
	r := &release{}
	f := flag.NewFlagSet("dist", flag.ContinueOnError)
	f.StringVar(&r.out, "out", "dist", "`FOLDER` for the files; it must be empty or new")
	f.StringVar(&r.version, "version", "", "`VERSION` of the release, without v")
	f.StringVar(&r.key, "key", "", "`FINGERPRINT` of the gpg key to sign with; none by default")
	products := f.String("products", "", "only these `NAMES`, by comma; all by default")
	platforms := f.String("platforms", "", "only these `OS_ARCH`, by comma; the usual ones by default")
	if err := f.Parse(args); err != nil {
		return nil, err //nolint:wrapcheck // flag has said it in full
	}
	if r.version == "" || strings.HasPrefix(r.version, "v") || f.NArg() > 0 {
		return nil, errors.New("say -version 1.2.3, without v, and nothing but flags")
	}
	var err error
	if r.products, err = chooseProducts(*products); err != nil {
		return nil, err
	}
	if r.targets, err = chooseTargets(*platforms); err != nil {
		return nil, err
	}
	if r.epoch, err = sourceTime(ctx); err != nil {
		return nil, err
	}
	if left, _ := os.ReadDir(r.out); len(left) > 0 {
		return nil, fmt.Errorf("%s is not empty: remove it, so that no file of another release stays among these", r.out)
	}
	return r, nil
}

// make writes every file of a product. The checksums come last: where they are, all they name is whole.
func (r *release) make(ctx context.Context, p product) error {
	var files []string
	for _, t := range p.targets {
		if !slices.Contains(r.targets, t) {
			continue
		}
		fmt.Printf("dist: %s %s %s\n", p.name, r.version, t)
		made, err := r.pack(ctx, p, t)
		if err != nil {
			return err
		}
		files = append(files, made...)
	}
	if p.manifest != "" {
		name := p.file(r.version, "manifest.json")
		if err := archive.Copy(p.manifest, filepath.Join(r.out, name)); err != nil {
			return err
		}
		files = append(files, name)
	}
	sums := p.file(r.version, "SHA256SUMS")
	if err := writeSums(r.out, sums, files); err != nil {
		return err
	}
	return r.sign(ctx, sums)
}

// pack builds a program for one platform, and gives the names of the files that the checksums shall name.
func (r *release) pack(ctx context.Context, p product, t target) ([]string, error) {
	work, err := os.MkdirTemp("", "concord-dist-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(work)
	program := filepath.Join(work, p.program(r.version, t))
	if err := r.build(ctx, p, t, program); err != nil {
		return nil, err
	}
	packed := p.file(r.version, t.String()+p.suffix)
	if err := p.pack(filepath.Join(r.out, packed), p.entries(r.version, t, program), r.epoch); err != nil {
		return nil, fmt.Errorf("write %s: %w", packed, err)
	}
	parts := p.file(r.version, t.String()+".cdx.json")
	if err := r.billOfMaterials(ctx, program, filepath.Join(r.out, parts)); err != nil {
		return nil, fmt.Errorf("write %s: %w", parts, err)
	}
	if p.sumsOfParts {
		return []string{packed, parts}, nil
	}
	return []string{packed}, nil
}

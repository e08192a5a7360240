package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/dist/archive"
)

// target is one platform, as Go calls it.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "_" + t.arch }

// product is one program that is released.
type product struct {
	name        string // of the files
	folder      string // of the main package
	variable    string // that the linker sets to the version; "" = none
	suffix      string // of an archive
	manifest    string // file to add under the product's name; "" = none
	sumsOfParts bool   // whether the checksums name the bills of materials; the registry wants archives and manifest only
	targets     []target
	pack        func(file string, entries []archive.Entry, epoch int64) error
}

// products are all of them. The provider's names are those that a registry and a packed mirror ask for.
func products() []product {
	return []product{
		{name: "terraform-provider-concord", folder: ".", variable: "main.version", suffix: ".zip", manifest: "terraform-registry-manifest.json", targets: everywhere(), pack: archive.Zip},
		{name: "concord", folder: "./server", suffix: ".tar.gz", sumsOfParts: true, targets: servers(), pack: archive.TarGz},
	}
}

// everywhere is where Terraform runs.
func everywhere() []target {
	return []target{{"darwin", "amd64"}, {"darwin", "arm64"}, {"freebsd", "386"}, {"freebsd", "amd64"}, {"freebsd", "arm"}, {"freebsd", "arm64"},
		{"linux", "386"}, {"linux", "amd64"}, {"linux", "arm"}, {"linux", "arm64"}, {"windows", "386"}, {"windows", "amd64"}, {"windows", "arm64"}}
}

// servers is where a node is run or tried.
func servers() []target {
	return []target{{"darwin", "amd64"}, {"darwin", "arm64"}, {"linux", "amd64"}, {"linux", "arm64"}}
}

// file is the name of a file of a release.
func (p product) file(version, rest string) string {
	if !strings.HasPrefix(rest, ".") {
		rest = "_" + rest
	}
	return p.name + "_" + version + rest
}

// program is the name of the built program: Terraform finds a provider by it.
func (p product) program(version string, t target) string {
	name := p.name
	if p.variable != "" {
		name += "_v" + version
	}
	if t.os == "windows" {
		name += ".exe"
	}
	return name
}

// entries are what an archive holds: a provider's the program alone, the server's what belongs to it in a folder of its own.
func (p product) entries(version string, t target, program string) []archive.Entry {
	if p.suffix == ".zip" {
		return []archive.Entry{{Name: p.program(version, t), File: program, Mode: 0o755}}
	}
	folder := p.file(version, t.String()) + "/"
	return []archive.Entry{
		{Name: folder + "CHANGELOG.md", File: "CHANGELOG.md", Mode: 0o644},
		{Name: folder + "LICENSE", File: "LICENSE", Mode: 0o644},
		{Name: folder + p.program(version, t), File: program, Mode: 0o755},
	}
}

// chooseProducts gives those named, or all.
func chooseProducts(names string) ([]product, error) {
	all := products()
	if names == "" {
		return all, nil
	}
	var out []product
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(p product) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no product is called %q: %s or %s", name, all[0].name, all[1].name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// chooseTargets gives those named, or all.
func chooseTargets(names string) ([]target, error) {
	if names == "" {
		return everywhere(), nil
	}
	var out []target
	for name := range strings.SplitSeq(names, ",") {
		os, arch, _ := strings.Cut(name, "_")
		if !slices.Contains(everywhere(), target{os, arch}) {
			return nil, fmt.Errorf("no release is made for %q: one of %v", name, everywhere())
		}
		out = append(out, target{os, arch})
	}
	return out, nil
}

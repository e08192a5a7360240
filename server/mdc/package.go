package mdc

import (
	"slices"
	"strings"
	"unicode"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// MaxPackage is the largest content of a package, in bytes.
const MaxPackage = 1 << 30

// Formats of a package's content. What can be read as an archive is checked as one, whatever a package calls it.
const (
	FormatZip   = "zip"
	FormatTar   = "tar"
	FormatTarGz = "tar.gz"
	FormatRaw   = "raw" // anything else, such as .msi: kept to the byte and not looked into
)

// Package is a file that entitled users fetch at any data center (MSS-11). The object travels in the journal like every
// other; its content is a blob, named by its SHA-256, that each data center fetches by itself.
type Package struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	FileName    string   `json:"file_name,omitempty"` // what a browser saves it as; "" = the name
	SHA256      string   `json:"sha256"`              // of the content, 64 hex digits
	Size        int64    `json:"size"`                // of the content, bytes
	Format      string   `json:"format"`
	Users       []string `json:"users,omitempty"`  // who may fetch it; with no user and no group nobody may
	Groups      []string `json:"groups,omitempty"` // whose members may
}

// PackageKind describes packages.
func PackageKind() Kind {
	return Kind{Name: "package", Collection: "packages", Scope: Replicated, RefersTo: []string{"group"},
		New: func() Object { return &Package{Format: FormatRaw} }}
}

// ObjectName is the package's name.
func (p *Package) ObjectName() string { return p.Name }

// Normalize orders the sets and folds the digest.
func (p *Package) Normalize() {
	p.Users, p.Groups, p.SHA256 = sortedSet(p.Users), sortedSet(p.Groups), strings.ToLower(p.SHA256)
}

// Validate checks names, digest and size; whether the content is here is the guard's question.
func (p *Package) Validate() []fault.Field {
	var c checks
	c.name("/name", p.Name)
	c.text("/description", p.Description, 1024)
	c.text("/file_name", p.FileName, 255)
	c.want(!strings.ContainsAny(p.FileName, `/\`) && p.FileName != "." && p.FileName != "..", "/file_name", "must be the name of a file, without a folder")
	c.want(!strings.ContainsFunc(p.FileName, misleads), "/file_name", "holds characters that are not seen, turn the text round or end a line")
	c.want(ValidDigest(p.SHA256), "/sha256", "must be a SHA-256 as 64 hex digits")
	c.want(p.Size > 0 && p.Size <= MaxPackage, "/size", "must be from 1 to %d bytes", MaxPackage)
	c.oneOf("/format", p.Format, FormatZip, FormatTar, FormatTarGz, FormatRaw)
	c.want(len(p.Users)+len(p.Groups) <= 1000, "", "names more than 1,000 users and groups")
	for _, u := range p.Users {
		c.name("/users", u)
	}
	return c.fields
}

// misleads says whether a character makes people see another name than the one that is kept.
func misleads(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// References gives the groups; a user named here need not exist yet.
func (p *Package) References() []Reference { return references("group", "/groups", p.Groups) }

// Entitles says whether a user of these groups may fetch the package. User names compare without case.
func (p *Package) Entitles(user string, groups []string) bool {
	return slices.ContainsFunc(p.Users, func(u string) bool { return SameName(u, user) }) ||
		slices.ContainsFunc(p.Groups, func(g string) bool { return slices.Contains(groups, g) })
}

// ValidDigest says whether s is a SHA-256 in lower-case hex, which is also safe as a file's name.
func ValidDigest(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

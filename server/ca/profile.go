package ca

import (
	"crypto/x509"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Profile is a use for which a certificate is issued. It decides names and usages.
type Profile string

// The profiles. All but the last carry exactly one name, a URI of this data center; a web server's carries none.
const (
	ProfileNode          Profile = "node"          // spiffe://<cluster>/node/<name>, client and server
	ProfileAgent         Profile = "agent"         // spiffe://<cluster>/agent/<agent>, client
	ProfileAdministrator Profile = "administrator" // spiffe://<cluster>/admin/<name>, client
	ProfileUser          Profile = "user"          // spiffe://<cluster>/user/<user>, client: a person's
	ProfileWebServer     Profile = "web_server"    // DNS names and IP addresses, server
)

// Profiles are all of them.
func Profiles() []Profile {
	return []Profile{ProfileNode, ProfileAgent, ProfileAdministrator, ProfileUser, ProfileWebServer}
}

const maxNames = 64 // in one certificate

// folder is the first part of a profile's URI path; "" for one without a URI.
func (p Profile) folder() string {
	switch p {
	case ProfileNode:
		return "node"
	case ProfileAgent:
		return "agent"
	case ProfileAdministrator:
		return "admin"
	case ProfileUser:
		return "user"
	default:
		return ""
	}
}

func (p Profile) usage() []x509.ExtKeyUsage {
	switch p {
	case ProfileNode:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	case ProfileWebServer:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	default:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
}

// Identity is the one name of a certificate of profile p for name, in a data center: spiffe://<cluster in lower case>/….
func Identity(clusterID string, p Profile, name string) string {
	return (&url.URL{Scheme: "spiffe", Host: strings.ToLower(clusterID), Path: "/" + p.folder() + "/" + name}).String()
}

// validName says whether name may be the last part of a URI of profile p. No rule lets a slash, a dot alone, a percent sign
// or anything else in that a reader of the path could take for more than one part.
func (p Profile) validName(name string) bool {
	switch p {
	case ProfileNode:
		return mdc.ValidClusterID(name)
	case ProfileAgent:
		return within(name, 64, "-")
	case ProfileAdministrator:
		return within(name, 64, "-_.@") && strings.Trim(name, ".") == name && !strings.Contains(name, "..")
	case ProfileUser:
		return within(name, 64, "-_.@+") && mdc.ValidName(name) && strings.Trim(name, ".") == name && !strings.Contains(name, "..")
	default:
		return false
	}
}

// within says whether s is 1 to most letters, digits and characters of others.
func within(s string, most int, others string) bool {
	const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	return s != "" && len(s) <= most && strings.Trim(s, alnum+others) == ""
}

// nameRule says the rule of validName to people.
func (p Profile) nameRule() string {
	switch p {
	case ProfileNode:
		return "has to be 1 to 63 letters and digits, starting with a letter"
	case ProfileAgent:
		return "has to be 1 to 64 letters, digits and hyphens"
	case ProfileUser:
		return "has to be a user's name of 1 to 64 letters, digits and . _ - @ +, starting with a letter or digit, and no dot at the end or twice in a row"
	default:
		return "has to be 1 to 64 letters, digits and . _ - @, and no dot at either end"
	}
}

// shape makes the shape of a certificate for name (the profiles with a URI) or for sans (a web server's).
func (p Profile) shape(clusterID, name string, sans []string) (shape, error) {
	if p == ProfileWebServer {
		return webShape(name, sans)
	}
	if p.folder() == "" {
		return shape{}, invalid("/profile", "has to be node, agent, administrator, user or web_server")
	}
	if !p.validName(name) {
		return shape{}, invalid("/name", p.nameRule())
	}
	id := Identity(clusterID, p, name)
	if len(sans) > 0 && !slices.Equal(sans, []string{id}) {
		return shape{}, invalid("/sans", "a certificate of this profile carries the one name "+id)
	}
	common := map[Profile]string{ProfileNode: "", ProfileAgent: "agent ", ProfileAdministrator: "admin ", ProfileUser: "user "}[p]
	return shape{id: id, common: clip64(clusterID + " " + common + name), names: []string{id}, usage: p.usage()}, nil
}

func webShape(name string, sans []string) (shape, error) {
	if name != "" {
		return shape{}, invalid("/name", "a web server's certificate has no name; put its DNS names and IP addresses into sans")
	}
	if len(sans) == 0 || len(sans) > maxNames {
		return shape{}, invalid("/sans", "has to be 1 to 64 DNS names or IP addresses")
	}
	names := make([]string, 0, len(sans))
	for _, n := range sans {
		clean, ok := webName(n)
		if !ok {
			return shape{}, invalid("/sans", "holds something that is neither a DNS name nor an IP address; wildcards and URIs are not issued")
		}
		names = append(names, clean)
	}
	first := names[0]
	slices.Sort(names)
	return shape{id: first, common: clip64(first), names: slices.Compact(names), usage: ProfileWebServer.usage()}, nil
}

// webName gives a DNS name or an IP address in the one spelling in which it is compared.
func webName(n string) (string, bool) {
	if ip, err := netip.ParseAddr(n); err == nil {
		return ip.Unmap().String(), ip.Zone() == ""
	}
	n = strings.ToLower(strings.TrimSuffix(n, "."))
	return n, validDNSName(n)
}

// clip64 keeps a common name within what X.520 allows.
func clip64(s string) string {
	if len(s) > 64 {
		return s[:64]
	}
	return s
}

func invalid(pointer, detail string) error {
	return fault.InvalidFields("The certificate cannot be issued as asked.", []fault.Field{{Pointer: pointer, Detail: detail}})
}

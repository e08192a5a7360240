package attr

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"golang.org/x/net/publicsuffix"
)

// What names look like, compiled once: Terraform asks for every schema each time that it runs, and each schema names these.
var (
	namePattern          = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$`)
	agentNamePattern     = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	agentIdentityPattern = regexp.MustCompile(`^spiffe://[a-z][a-z0-9]{0,62}/agent/[A-Za-z0-9-]{1,64}$`)
	clusterIDPattern     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,62}$`)
	fingerprintPattern   = regexp.MustCompile(`^([0-9a-fA-F]{64}|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){31})$`)
	domainName           = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// Name accepts the name of an object.
func Name() validator.String {
	return stringvalidator.RegexMatches(namePattern,
		"must be 1 to 128 of letters, digits and . _ @ + -, starting with a letter or digit")
}

// AgentName accepts the name of an agent, which becomes part of a cookie's name.
func AgentName() validator.String {
	return stringvalidator.RegexMatches(agentNamePattern, "must be 1 to 64 of letters, digits and -")
}

// AgentIdentity takes the name of an agent's certificate. That the agent is this one is the server's to say.
func AgentIdentity() validator.String {
	return stringvalidator.RegexMatches(agentIdentityPattern,
		"must be spiffe://<cluster id in lower case>/agent/<agent>, as it stands in the certificate")
}

// ClusterID accepts the id of a data center.
func ClusterID() validator.String {
	return stringvalidator.RegexMatches(clusterIDPattern,
		"must be 1 to 63 letters and digits, starting with a letter")
}

// Fingerprint accepts a SHA-256 as it is copied from another tool: in any case, with or without colons between the bytes.
func Fingerprint() validator.String {
	return stringvalidator.RegexMatches(fingerprintPattern, "must be a SHA-256: 64 hex digits, with or without colons between the bytes")
}

// PlainFingerprint gives what Fingerprint accepts in lower case and without colons, as the server writes it.
func PlainFingerprint(s string) string { return strings.ToLower(strings.ReplaceAll(s, ":", "")) }

// HostPort accepts host:port.
func HostPort() validator.String {
	return rule{"host:port, such as ny1.example.com:7402", validHostPort}
}

// Origin accepts scheme://host or scheme://host:port in lower case and nothing behind it.
func Origin() validator.String {
	return rule{"an origin: scheme://host or scheme://host:port in lower case and nothing behind it", validOrigin}
}

// CookieDomain accepts a domain that browsers keep a cookie for and that has one owner.
func CookieDomain() validator.String {
	return rule{"a domain of your own, such as example.com: lower case, without a leading dot, and no public suffix such as com or co.uk", validCookieDomain}
}

// UnderDomain says whether a cookie of domain is sent to the host of an origin.
func UnderDomain(origin, domain string) bool {
	u, err := url.Parse(origin)
	if err != nil || domain == "" {
		return false
	}
	host := u.Hostname()
	return host == domain || strings.HasSuffix(host, "."+domain)
}

func validCookieDomain(s string) bool {
	if len(s) > 253 || !domainName.MatchString(s) || net.ParseIP(s) != nil {
		return false
	}
	_, err := publicsuffix.EffectiveTLDPlusOne(s)
	return err == nil
}

// HostPattern accepts an application's host: lower case, a port where it is not the default, "*." for one label in front.
func HostPattern() validator.String {
	return rule{"a host: lower case, no scheme, no path, with a port if it is not the default one; *. may stand for the first label", validHostPattern}
}

// PathPattern accepts a path of an application.
func PathPattern() validator.String {
	return rule{"a path pattern: it starts with /, is in canonical form, and has * as a whole segment or ** as the last one", validPathPattern}
}

// Email accepts one address.
func Email() validator.String {
	return rule{"an address with one @", func(s string) bool { return s == "" || strings.Count(s, "@") == 1 && len(s) <= 320 }}
}

// Is accepts exactly want and refuses everything else with why, a whole sentence.
func Is(want, why string) validator.String { return only{want, why} }

// rule refuses a known string that ok does not like.
type rule struct {
	what string // "… is not WHAT"
	ok   func(string) bool
}

func (r rule) Description(context.Context) string             { return "must be " + r.what }
func (r rule) MarkdownDescription(ctx context.Context) string { return r.Description(ctx) }

func (r rule) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || r.ok(req.ConfigValue.ValueString()) {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Invalid value", fmt.Sprintf("%s%q is not %s.", inMap(req.Path), clip(req.ConfigValue.ValueString()), r.what))
}

// inMap names the place of a value within a map, for the texts about it: Terraform shows the resource's line for it, whatever the key.
func inMap(p path.Path) string {
	at, inside := path.Empty(), false
	for _, step := range p.Steps() {
		switch s := step.(type) {
		case path.PathStepAttributeName:
			at = at.AtName(string(s))
		case path.PathStepElementKeyString:
			at, inside = at.AtMapKey(string(s)), true
		}
	}
	if !inside {
		return ""
	}
	return at.String() + ": "
}

type only struct{ want, why string }

func (o only) Description(context.Context) string             { return fmt.Sprintf("must be %q", o.want) }
func (o only) MarkdownDescription(ctx context.Context) string { return o.Description(ctx) }

func (o only) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || req.ConfigValue.ValueString() == o.want {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Value not available", o.why)
}

func validHostPort(s string) bool {
	h, p, err := net.SplitHostPort(s)
	n, perr := strconv.Atoi(p)
	return err == nil && perr == nil && h != "" && n > 0 && n < 65536 && len(s) <= 300 && !strings.ContainsAny(s, " /@?#\t\r\n")
}

func validOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 512 && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		s == u.Scheme+"://"+u.Host && strings.ToLower(s) == s
}

func validHostPattern(h string) bool {
	if h == "" || len(h) > 300 || strings.ToLower(h) != h || strings.ContainsAny(h, " /@?#%\\\t\r\n") || strings.HasSuffix(h, ".") {
		return false
	}
	rest := strings.TrimPrefix(h, "*.")
	return rest != "" && !strings.Contains(rest, "*")
}

func validPathPattern(p string) bool {
	if len(p) > 2048 || !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "?#%\\;") {
		return false
	}
	segments := strings.Split(p[1:], "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case s == "**" && last, s == "*", s == "" && last:
		case s == "" || s == "." || s == ".." || strings.Contains(s, "*"):
			return false
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return false
		}
	}
	return true
}

// clip keeps a long value out of a message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

// short spells 30m, not 30m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

package attr

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

var agentServer = regexp.MustCompile(`^(?:([A-Za-z][A-Za-z0-9]{0,62})/)?([A-Za-z][A-Za-z0-9]{0,62})=(.+)$`)

// AgentServer accepts a Concord server as an agent lists it, NODE=https://host:port; with foreign also one whose data center is
// named before it, CLUSTER/NODE=https://host:port.
func AgentServer(foreign bool) validator.String {
	what := "a server: NODE=https://host:port, with the node_name that its answers carry; plain http is taken on loopback only"
	if foreign {
		what = "a server: NODE=https://host:port or CLUSTER/NODE=https://host:port, with the node_name that its answers carry; plain http is taken on loopback only"
	}
	return secretive{rule{what, func(s string) bool {
		m := agentServer.FindStringSubmatch(s)
		if m == nil || !foreign && m[1] != "" || len(m[3]) > 300 {
			return false
		}
		u, err := url.Parse(m[3])
		return err == nil && private(u) && (u.Path == "" || u.Path == "/") && u.RawQuery == "" && !u.ForceQuery
	}}}
}

// CallURL accepts an address that Concord calls: https, without a user; http on loopback only, for development.
func CallURL() validator.String {
	return secretive{rule{"an address that is called: https://host/path, without user name, password and fragment; plain http is taken on loopback only", func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && private(u)
	}}}
}

// private says that u is an address of a server to which nobody on the way reads along, and holds no credential.
func private(u *url.URL) bool {
	if u.Hostname() == "" || u.Opaque != "" || u.User != nil || u.Fragment != "" {
		return false
	}
	if u.Scheme == "https" || u.Scheme == "http" && strings.EqualFold(u.Hostname(), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && err == nil && ip.Unmap().IsLoopback()
}

// secretive is a rule that does not repeat what may hold a password.
type secretive struct{ rule }

func (r secretive) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if strings.Contains(req.ConfigValue.ValueString(), "@") {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid value", fmt.Sprintf("This must be %s. It holds an @, so it is not repeated here.", r.what))
		return
	}
	r.rule.ValidateString(ctx, req, resp)
}

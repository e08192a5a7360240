package mdc

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Limits of an agent's registration.
const (
	MaxAgentServers  = 64               // of primary and secondary together
	MaxCacheLifetime = 20 * time.Second // an assertion that is handed on has half a minute left at least
	maxAgentURL      = 2048
)

// AgentServer is one Concord server that an agent asks. Written, it is NODE=https://host:port, or CLUSTER/NODE=https://host:port
// for a secondary whose data center has to be that one.
type AgentServer struct {
	ClusterID string // "" = the agent's own for a primary, any for a secondary
	Node      string // what its answers must carry (CAMS-05)
	URL       string // its runtime listener
}

// ParseAgentServer reads what is written in an agent's primary and secondary.
func ParseAgentServer(text string) (AgentServer, error) {
	name, address, _ := strings.Cut(text, "=")
	s := AgentServer{Node: name, URL: address}
	if cluster, node, two := strings.Cut(name, "/"); two {
		s.ClusterID, s.Node = cluster, node
		if !ValidClusterID(cluster) {
			return s, fmt.Errorf("%q is no server: the cluster id before the / is 1 to 63 letters and digits, starting with a letter", clip(text))
		}
	}
	switch {
	case strings.ContainsRune(address, '@'):
		return s, fmt.Errorf("the server %q holds a user name or a password; agents have a secret of their own", clip(name)) // not repeated
	case !ValidClusterID(s.Node):
		return s, fmt.Errorf("%q is no server; write NODE=https://host:port, with the node_name that its answers carry, or CLUSTER/NODE=https://host:port", clip(text))
	case !ValidServerURL(address):
		return s, fmt.Errorf("%q is no https://host:port of a runtime listener; plain http is taken on loopback only, because the secret travels with each request", clip(address))
	}
	return s, nil
}

// String writes s as ParseAgentServer reads it.
func (s AgentServer) String() string {
	if s.ClusterID != "" {
		return s.ClusterID + "/" + s.Node + "=" + s.URL
	}
	return s.Node + "=" + s.URL
}

// PlainURL takes scheme and host only: a path would make what was decided about another one.
func PlainURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		(u.Path == "" || u.Path == "/") && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && len(s) <= 300
}

// ValidServerURL takes https://host:port, and http on loopback only: an agent's secret travels there.
func ValidServerURL(s string) bool {
	if !PlainURL(s) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && securely(u)
}

// securely says that nobody on the way reads along.
func securely(u *url.URL) bool {
	if u.Scheme == "https" || strings.EqualFold(u.Hostname(), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.Unmap().IsLoopback()
}

// checkServers checks both lists; their order has a meaning.
func (a *Agent) checkServers(c *checks) {
	c.want(len(a.Primary)+len(a.Secondary) <= MaxAgentServers, "/primary", "names more than %d servers together with secondary", MaxAgentServers)
	c.want(len(a.Primary) > 0 || len(a.Secondary) == 0, "/secondary", "is asked when no primary answers; name a server in primary too")
	seen := map[string]string{}
	for _, list := range []struct {
		pointer string
		servers []string
	}{{"/primary", a.Primary}, {"/secondary", a.Secondary}} {
		for i, text := range list.servers {
			at := fmt.Sprintf("%s/%d", list.pointer, i)
			s, err := ParseAgentServer(text)
			if err != nil {
				c.want(false, at, "%v", err)
				continue
			}
			c.want(list.pointer == "/secondary" || s.ClusterID == "", at, "%q names a data center; primary servers are those of the agent's own", clip(text))
			key := strings.TrimSuffix(s.URL, "/")
			c.want(seen[key] == "", at, "has the address of %s too", seen[key])
			seen[key] = at
		}
	}
}

// checkLogoutURL wants an address to which a signed token may go: nobody reads along, and no password lies in the configuration.
func (a *Agent) checkLogoutURL(c *checks) {
	if a.BackchannelLogoutURL == "" {
		return
	}
	const at = "/backchannel_logout_url"
	u, err := url.Parse(a.BackchannelLogoutURL)
	switch {
	case err != nil, len(a.BackchannelLogoutURL) > maxAgentURL, u.Hostname() == "", u.Opaque != "", u.Scheme != "https" && u.Scheme != "http":
		c.want(false, at, "is no address; write https://host/path") // not repeated: it may hold a password
	case u.User != nil:
		c.want(false, at, "holds a user name or a password; the call is signed instead")
	case u.Fragment != "":
		c.want(false, at, "has a fragment, which is never sent; leave out # and what follows")
	default:
		c.want(securely(u), at, "is not encrypted; write https://%s, plain http is taken on loopback only, for development", clip(u.Host))
	}
}

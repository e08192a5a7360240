package policy

import "strings"

// Site says where an application's host stands among hosts: what two applications have at one place decides together about its requests.
// wider is the place of the wildcard that this host takes the requests from, "" for a wildcard. Both are "" for a host that no request
// can have.
func Site(host string) (place, wider string) {
	name, wild := strings.CutPrefix(host, "*.")
	key, ok := canonicalHost("", name)
	if !ok {
		return "", ""
	}
	if key = hostKey(key); wild {
		return "*." + key, ""
	}
	if _, parent, ok := strings.Cut(key, "."); ok {
		wider = "*." + parent
	}
	return key, wider
}

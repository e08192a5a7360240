package ca_test

import "testing"

// TestOnlyTheTwoProfiles: SEC-49. Even a caller inside this process that holds the token key gets nothing but the node's
// own two leaves.
func TestOnlyTheTwoProfiles(t *testing.T) {
	a := newBench(t).open(t)
	both, server := []string{"serverAuth", "clientAuth"}, []string{"serverAuth"}
	id, web := "spiffe://nydc/node/Node1", []string{"127.0.0.1", "192.0.2.7", "::1", "localhost", "sso.example.com"}
	for name, c := range map[string]struct {
		common       string
		names, usage []string
		ok           bool
	}{
		"peer leaf":               {"NYdc Node1", []string{id}, both, true},
		"web leaf":                {"NYdc Node1 web", web, server, true},
		"another node":            {"NYdc Node1", []string{"spiffe://nydc/node/Node2"}, both, false},
		"another cluster":         {"NYdc Node1", []string{"spiffe://ldndc/node/Node1"}, both, false},
		"an agent":                {"NYdc Node1", []string{"spiffe://nydc/agent/a1"}, both, false},
		"peer with a DNS name":    {"NYdc Node1", []string{id, "sso.example.com"}, both, false},
		"peer for code signing":   {"NYdc Node1", []string{id}, []string{"serverAuth", "clientAuth", "codeSigning"}, false},
		"peer for servers only":   {"NYdc Node1", []string{id}, server, false},
		"web as a client":         {"NYdc Node1 web", web, both, false},
		"web with a name more":    {"NYdc Node1 web", append([]string{"evil.example.com"}, web...), server, false},
		"web with a name less":    {"NYdc Node1 web", web[1:], server, false},
		"web with another common": {"admin", web, server, false},
		"no name at all":          {"NYdc Node1", nil, both, false},
	} {
		t.Run(name, func(t *testing.T) {
			chain, err := a.SignShape(t.Context(), c.common, c.names, c.usage)
			if (err == nil) != c.ok {
				t.Errorf("chain %d, error %v", len(chain), err)
			}
		})
	}
}

package ca_test

import (
	"crypto/x509"
	"testing"
)

// TestOnlyWhatWasOrdered: SEC-49. Even a caller inside this process that reaches step gets nothing but what was ordered,
// and that once.
func TestOnlyWhatWasOrdered(t *testing.T) {
	a := newBench(t).open(t)
	server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	both := []x509.ExtKeyUsage{server, client}
	id := []string{"spiffe://nydc/node/Node1"}
	for name, c := range map[string]struct {
		common string
		names  []string
		usage  []x509.ExtKeyUsage
		times  int
		ok     bool
	}{
		"as ordered":           {"NYdc Node1", id, both, 1, true},
		"as ordered, twice":    {"NYdc Node1", id, both, 2, false},
		"another node":         {"NYdc Node1", []string{"spiffe://nydc/node/Node2"}, both, 1, false},
		"another cluster":      {"NYdc Node1", []string{"spiffe://ldndc/node/Node1"}, both, 1, false},
		"an agent":             {"NYdc Node1", []string{"spiffe://nydc/agent/a1"}, both, 1, false},
		"an administrator":     {"NYdc Node1", []string{"spiffe://nydc/admin/root"}, both, 1, false},
		"with a DNS name":      {"NYdc Node1", append([]string{"sso.example.com"}, id...), both, 1, false},
		"for code signing too": {"NYdc Node1", id, []x509.ExtKeyUsage{server, client, x509.ExtKeyUsageCodeSigning}, 1, false},
		"for servers only":     {"NYdc Node1", id, []x509.ExtKeyUsage{server}, 1, false},
		"for anything":         {"NYdc Node1", id, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, 1, false},
		"another common name":  {"admin", id, both, 1, false},
		"no name at all":       {"NYdc Node1", nil, both, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			chain, err := a.SignShape(t.Context(), c.common, c.names, c.usage, c.times)
			if (err == nil) != c.ok {
				t.Errorf("chain %d, error %v", len(chain), err)
			}
		})
	}
}

package mdc_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// TestAgentServers: OAM-10, CAMS-02, CAMS-05. A server is a node's name and an address to which a secret may travel; the order stays.
func TestAgentServers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]mdc.AgentServer{
		"ny1=https://10.0.0.5:7401":        {Node: "ny1", URL: "https://10.0.0.5:7401"},
		"ny1=https://ny1.example.com":      {Node: "ny1", URL: "https://ny1.example.com"},
		"LDC/ld1=https://ld1.example:7401": {ClusterID: "LDC", Node: "ld1", URL: "https://ld1.example:7401"},
		"ny1=http://127.0.0.1:7401":        {Node: "ny1", URL: "http://127.0.0.1:7401"},
		"ny1=http://[::1]:7401":            {Node: "ny1", URL: "http://[::1]:7401"},
		"ny1=http://LOCALHOST:7401":        {Node: "ny1", URL: "http://LOCALHOST:7401"},
	} {
		got, err := mdc.ParseAgentServer(text)
		if d := cmp.Diff(want, got); err != nil || d != "" || got.String() != text {
			t.Errorf("%s: %v %s", text, err, d)
		}
	}
	for _, text := range []string{"", "ny1", "=https://a", "ny1=", "ny1=http://10.0.0.5:7401", "ny1=https://u:p4ss@a", "ny1=ftp://a", "ny1=https://a/b", "ny1=https://a?b",
		"ny1=https://a#b", "ny-1=https://a", "1ny=https://a", "L-DC/ny1=https://a", "a/b/c=https://a", "/ny1=https://a", "ny1=https://", "ny1=http://127.0.0.1.evil.example"} {
		if _, err := mdc.ParseAgentServer(text); err == nil || strings.Contains(err.Error(), "p4ss") {
			t.Errorf("%q: %v", text, err)
		}
	}
	a := agent(func(a *mdc.Agent) { a.Primary = []string{"b=https://b", "a=https://a"} })
	a.Normalize()
	if f := a.Validate(); len(f) > 0 || a.Primary[0] != "b=https://b" {
		t.Errorf("%v %v", f, a.Primary)
	}
}

func agent(change func(*mdc.Agent)) *mdc.Agent {
	a := &mdc.Agent{Name: "web", Hosts: []string{"https://shop.example.com"}}
	change(a)
	return a
}

// TestAgentFaults: every fault of a registration has its pointer, and none repeats a password (SEC-48, SEC-68).
func TestAgentFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pointer string
		change  func(*mdc.Agent)
	}{
		"secondary alone":   {"/secondary", func(a *mdc.Agent) { a.Secondary = []string{"a=https://a"} }},
		"no server":         {"/primary/1", func(a *mdc.Agent) { a.Primary = []string{"a=https://a", "b"} }},
		"foreign primary":   {"/primary/0", func(a *mdc.Agent) { a.Primary = []string{"LDC/a=https://a"} }},
		"twice":             {"/secondary/0", func(a *mdc.Agent) { a.Primary, a.Secondary = []string{"a=https://a"}, []string{"b=https://a/"} }},
		"call in clear":     {"/backchannel_logout_url", func(a *mdc.Agent) { a.BackchannelLogoutURL = "http://app.example.com/x" }},
		"call with user":    {"/backchannel_logout_url", func(a *mdc.Agent) { a.BackchannelLogoutURL = "https://u:p4ss@app.example.com/x" }},
		"call and fragment": {"/backchannel_logout_url", func(a *mdc.Agent) { a.BackchannelLogoutURL = "https://app.example.com/x#y" }},
		"call to a file":    {"/backchannel_logout_url", func(a *mdc.Agent) { a.BackchannelLogoutURL = "file:///p4ss" }},
		"no address":        {"/backchannel_logout_url", func(a *mdc.Agent) { a.BackchannelLogoutURL = "https:///x" }},
		"cached too long":   {"/cache_lifetime", func(a *mdc.Agent) { a.CacheLifetime = mdc.Duration(21 * time.Second) }},
		"half a second":     {"/cache_lifetime", func(a *mdc.Agent) { a.CacheLifetime = mdc.Duration(time.Second / 2) }},
	} {
		f := agent(c.change).Validate()
		if len(f) != 1 || f[0].Pointer != c.pointer || strings.Contains(f[0].Detail, "p4ss") {
			t.Errorf("%s: %v", name, f)
		}
	}
	for _, url := range []string{"https://app.example.com/x?y=z", "https://app.example.com", "http://127.0.0.1:8080/x", "http://localhost/x", "https://[::1]/"} {
		if f := agent(func(a *mdc.Agent) { a.BackchannelLogoutURL = url }).Validate(); len(f) > 0 {
			t.Errorf("%s: %v", url, f)
		}
	}
}

package agent

import (
	"context"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Agent asks Concord about requests. Safe for concurrent use.
type Agent struct {
	cfg     Config
	names   names
	servers *servers
	pages   *pages
	renewal *renewal // nil = it shows its secret
	signOns *signOns
	keys    keys
}

// New makes an agent. It opens no connection. A wrong configuration is one error that names every field.
func New(c Config) (*Agent, error) {
	if err := fault.InvalidFields("The agent's configuration is not complete or not right.", c.Faults()); err != nil {
		return nil, err
	}
	c.setDefaults()
	a := &Agent{cfg: c, names: cookieNames(c.Name, c.Scheme), signOns: newSignOns()}
	var identity *client.Identity
	var err error
	if c.ClientCertFile != "" {
		if identity, err = client.FileIdentity(c.ClientCertFile, c.ClientKeyFile); err != nil {
			return nil, fmt.Errorf("make agent: %w", err)
		}
	}
	if a.servers, err = newServers(c, identity); err != nil {
		return nil, fmt.Errorf("make agent: %w", err)
	}
	if identity != nil {
		if a.renewal, err = newRenewal(c, identity, a.servers); err != nil {
			return nil, fmt.Errorf("make agent: %w", err)
		}
	}
	if a.pages, err = newPages(); err != nil {
		return nil, fmt.Errorf("make agent: %w", err)
	}
	return a, nil
}

// Run asks how the agent is registered, takes its list of servers over, tries servers that failed and renews its certificate, until ctx
// ends. Without it an agent works with what its Config says.
func (a *Agent) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.follow(ctx) })
	if a.renewal != nil {
		group.Go(func() error { return a.renewal.run(ctx) })
	}
	return group.Wait()
}

// Renew renews the certificate if that is due, as Run does by itself; without a certificate it does nothing.
func (a *Agent) Renew(ctx context.Context) error {
	if a.renewal == nil {
		return nil
	}
	return a.renewal.renewIfDue(ctx)
}

// Close drops idle connections to Concord.
func (a *Agent) Close() { a.servers.close() }

// Protect is next behind Concord: it gets the requests that are allowed, with a person's Identity in their context and in the headers
// X-Concord-*, and nothing in either that a browser made up. Everything below /.concord is answered before it. Requests have to be
// those of browsers as they came: what is in front of Protect must not change host, path or cookies.
func (a *Agent) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, next) })
}

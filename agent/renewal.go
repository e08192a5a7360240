package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	certificatePath = "/session/v1/certificate"

	firstRenewalRetry = time.Second
	lastRenewalRetry  = time.Minute
	// longestRenewalWait bounds how late a machine that slept, or whose clock was set, notices that the certificate is due.
	longestRenewalWait = time.Minute
)

// renewal keeps the certificate that the gate shows fresh. The files are the operator's too: one who puts another certificate there
// is followed within a second.
type renewal struct {
	certFile, keyFile string
	identity          *client.Identity
	servers           *servers
	clock             Clock
	logger            *slog.Logger
	early             float64 // share of a life by which it comes earlier, so that gates started together do not come together
}

func newRenewal(c Config, identity *client.Identity, s *servers) (*renewal, error) {
	r := &renewal{certFile: c.ClientCertFile, keyFile: c.ClientKeyFile, identity: identity, servers: s, clock: c.Clock, logger: c.Logger, early: rand.Float64() / 20}
	_, agent, err := identityOf(identity.Leaf())
	if err != nil {
		return nil, err
	}
	if agent != c.Name {
		return nil, fmt.Errorf("client_cert_file is the certificate of the agent %q, not of %q", agent, c.Name)
	}
	return r, nil
}

// identityOf reads for which agent, and by which data center, the gate's certificate was issued.
func identityOf(c *x509.Certificate) (clusterID, agent string, err error) {
	if len(c.URIs) == 1 {
		if clusterID, agent, ok := mdc.AgentIdentity(c.URIs[0].String()); ok {
			return clusterID, agent, nil
		}
	}
	return "", "", errors.New("client_cert_file is not the certificate of an agent: its one URI name must be spiffe://<cluster id in lower case>/agent/<agent>")
}

// run renews until ctx ends. A failure is tried again after a second, doubling to a minute; the certificate serves meanwhile. One that
// has expired is not renewed any more by anybody: the gate says so, and goes on as soon as another lies in its place.
func (r *renewal) run(ctx context.Context) error {
	retry := time.Duration(0)
	for {
		wait := min(max(r.due().Sub(r.clock.Now()), 0), longestRenewalWait)
		if retry > 0 {
			wait = retry
		}
		if !pause(ctx, wait) {
			return nil
		}
		err := r.renewIfDue(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end was asked for; what it cut off is no failure
		case err != nil:
			retry = min(max(2*retry, firstRenewalRetry), lastRenewalRetry)
			r.logger.Warn("the gate's certificate could not be renewed", "expires_at", r.identity.Leaf().NotAfter, "retry_in", retry, "error", err)
		default:
			retry = 0
		}
	}
}

// due is two thirds into the life of the certificate.
func (r *renewal) due() time.Time {
	c := r.identity.Leaf()
	life := float64(c.NotAfter.Sub(c.NotBefore))
	return c.NotBefore.Add(time.Duration(life * (2.0/3 - r.early)))
}

func (r *renewal) renewIfDue(ctx context.Context) error {
	now := r.clock.Now()
	leaf := r.identity.Leaf()
	switch {
	case now.Before(r.due()):
		return nil
	case now.After(leaf.NotAfter):
		return fmt.Errorf("it has expired: enrol the gate anew, or put another certificate into %s", r.certFile)
	}
	home, _, err := identityOf(leaf)
	if err != nil {
		return err
	}
	csr, key, err := client.SigningRequest(leaf.URIs[0].String())
	if err != nil {
		return err
	}
	made, err := r.ask(ctx, home, csr)
	if err != nil {
		return err
	}
	if err := r.fits(made, key); err != nil {
		return err
	}
	if err := client.SavePair(r.certFile, r.keyFile, made.CertificatePEM, key); err != nil {
		return err
	}
	if err := r.identity.Refresh(); err != nil {
		return err
	}
	r.logger.Info("the gate's certificate was renewed", "expires_at", made.ExpiresAt)
	return nil
}

// ask goes to the servers of the data center that issued the certificate, wherever they are listed: no other renews it.
func (r *renewal) ask(ctx context.Context, home, csr string) (made wire.CertificateMade, err error) {
	var errs []error
	for _, s := range r.servers.everyone() {
		if s.cluster != "" && !mdc.SameName(s.cluster, home) {
			continue
		}
		res, err := s.client.Do(ctx, client.Request{Method: http.MethodPost, Path: certificatePath, In: wire.AgentRenewal{CSRPEM: csr}, Out: &made})
		if err == nil && (res.Node != s.node || !mdc.SameName(res.Cluster, home)) {
			err = fmt.Errorf("it names itself %.64q of %.64q", res.Node, res.Cluster)
		}
		if err == nil {
			return made, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", s.node, err))
	}
	if len(errs) == 0 {
		return made, fmt.Errorf("no server of %s, which issued it, is in the gate's file", strings.ToUpper(home))
	}
	return made, errors.Join(errs...)
}

// fits looks at what came before it takes the place of what works.
func (r *renewal) fits(made wire.CertificateMade, key string) error {
	pair, err := tls.X509KeyPair([]byte(made.CertificatePEM), []byte(key))
	if err != nil {
		return fmt.Errorf("read the new certificate: %w", err)
	}
	old := r.identity.Leaf()
	if len(pair.Leaf.URIs) != 1 || pair.Leaf.URIs[0].String() != old.URIs[0].String() || !pair.Leaf.NotAfter.After(old.NotAfter) {
		return errors.New("the new certificate is for another name, or does not last longer")
	}
	return nil
}

// pause waits for d and says whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

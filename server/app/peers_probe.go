package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/topology"
)

// stepTime bounds each step of a test at each address.
const stepTime = 3 * time.Second

// prober makes a test's steps over connections of its own, so that an old connection does not hide what is wrong now.
type prober struct{ topologyLink }

var _ topology.Prober = prober{}

// Reach tries the partner's addresses, primary first. A step passes when it does at one address; the next is tried there.
func (p prober) Reach(ctx context.Context, clusterID string) []topology.Check {
	partner, err := p.links.partners.Partner(ctx, clusterID)
	if err != nil || partner == nil {
		return []topology.Check{step(topology.CheckResolve, errNoPartner(clusterID), "")}
	}
	var best []topology.Check
	var troubles []string
	for _, address := range append(append([]string(nil), partner.Primary...), partner.Secondary...) {
		checks := p.reach(ctx, partner, address)
		last := checks[len(checks)-1]
		if last.Pass {
			checks[1].Detail = strings.Join(append([]string{checks[1].Detail}, troubles...), "; not at ")
			return checks
		}
		troubles = append(troubles, address+": "+last.Detail)
		if len(checks) > len(best) {
			best = checks
		}
	}
	best[len(best)-1].Detail = strings.Join(troubles, "; ")
	return best
}

func (p prober) reach(ctx context.Context, partner *mdc.Partner, address string) []topology.Check {
	host, _, _ := net.SplitHostPort(address)
	resolving, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	found, err := p.links.dialer.LookupHost(resolving, host)
	checks := []topology.Check{step(topology.CheckResolve, err, fmt.Sprintf("%s is %s", host, strings.Join(found, ", ")))}
	if err != nil {
		return checks
	}
	connecting, stop := context.WithTimeout(ctx, stepTime)
	defer stop()
	conn, err := p.links.dialer.DialContext(connecting, "tcp", address)
	checks = append(checks, step(topology.CheckConnect, err, address))
	if err != nil {
		return checks
	}
	defer conn.Close()                  //nolint:errcheck // nothing was written that matters
	if p.links.mode() == mdc.ModeOpen { // the hello proves the rest
		return append(checks, step(topology.CheckTLS, nil, "none, as mode open has it"), step(topology.CheckIdentity, nil, partner.ClusterID))
	}
	return append(checks, p.handshake(ctx, partner, conn)...)
}

// handshake tells apart what crypto/tls gives as one error: that the two agree on TLS, and that the certificate is the
// partner's. Nothing is sent to a server whose certificate is not.
func (p prober) handshake(ctx context.Context, partner *mdc.Partner, conn net.Conn) []topology.Check {
	cfg := p.links.config(partner.ClusterID).Clone()
	cfg.NextProtos = []string{"h2", "http/1.1"}
	verify, refusal := cfg.VerifyConnection, error(nil)
	cfg.VerifyConnection = func(cs tls.ConnectionState) error {
		refusal = verify(cs)
		return refusal
	}
	shaking, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	secured := tls.Client(conn, cfg)
	err := secured.HandshakeContext(shaking)
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok && refusal == nil {
		err = withoutTLS(partner.ClusterID, p.links.mode(), record)
	}
	if refusal == nil && err != nil {
		return []topology.Check{step(topology.CheckTLS, err, "")}
	}
	return []topology.Check{step(topology.CheckTLS, nil, "TLS 1.3, both sides show a certificate"), step(topology.CheckIdentity, refusal, partner.ClusterID)}
}

func step(name string, err error, fine string) topology.Check {
	c := topology.Check{Name: name, Direction: topology.Outbound, Pass: err == nil, Detail: fine}
	if err != nil {
		c.Detail = err.Error()
		if f, ok := errors.AsType[*fault.Error](err); ok {
			c.Detail = f.Message
		}
	}
	return c
}

// TestBack has the partner make its checks towards here.
func (p prober) TestBack(ctx context.Context, clusterID string) ([]topology.Check, error) {
	var out wire.PartnerTest
	err := p.links.do(ctx, clusterID, client.Request{Method: http.MethodPost, Path: "/peer/v1/test", Out: &out, Timeout: 20 * time.Second})
	var checks []topology.Check
	for _, c := range out.Checks {
		checks = append(checks, topology.Check{Name: c.Name, Direction: topology.Inbound, Pass: c.Result == wire.ResultPass, Skipped: c.Result == wire.ResultSkipped, Detail: c.Detail})
	}
	return checks, err
}

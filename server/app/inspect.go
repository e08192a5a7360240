package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/bundle"
	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
	"github.com/concord-access/terraform-provider-concord/server/outbound"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

const bundleTime = 10 * time.Second

// inspector looks at remote servers, and at the bundle of those that are peer listeners.
type inspector struct {
	*trust.Inspector
	dialer *outbound.Dialer
}

var _ httpapi.Inspector = inspector{}

func (n *Node) inspector() (inspector, error) {
	i, err := trust.NewInspector(trust.InspectorConfig{Store: n.trust, Dial: n.dialer.DialContext})
	return inspector{i, n.dialer}, err
}

// errOtherServer ends a handshake with a server that is not the one that was inspected.
var errOtherServer = fault.New(fault.Unavailable, "other_server", "Another certificate was shown when the bundle was asked for than before; try again.")

// Bundle asks for GET /peer/v1/bundle. Whoever answers is believed in nothing: the caller compares fingerprints.
func (i inspector) Bundle(ctx context.Context, address string, leaf *x509.Certificate) ([]*x509.Certificate, error) {
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // it must be the server that was inspected, and nothing that it says is believed
		VerifyConnection: func(cs tls.ConnectionState) error {
			if len(cs.PeerCertificates) == 0 || !bytes.Equal(cs.PeerCertificates[0].Raw, leaf.Raw) {
				return errOtherServer
			}
			return nil
		},
	}
	c, err := client.New(client.Config{Endpoint: "https://" + address, TLS: cfg, Dial: i.dialer.DialContext, UserAgent: "concord-peer", Timeout: bundleTime, MaxRetries: -1})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var answer client.Raw
	if _, err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: client.BundlePath, Out: &answer}); err != nil {
		return nil, noBundle(address, err)
	}
	told, err := bundle.Read(answer.Body)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Unavailable, Code: "no_bundle", Message: "The bundle of the server at " + address + " cannot be taken: " + err.Error() + "."}
	}
	return told.Roots, nil
}

func noBundle(address string, err error) error {
	if _, answered := errors.AsType[*client.APIError](err); !answered {
		return err
	}
	return &fault.Error{Kind: fault.Unavailable, Code: "no_bundle", Err: err, // nothing of what a stranger answered is repeated
		Message: "The server at " + address + " gives no bundle of roots. Is that the peer listener of a data center, and does its version publish them?"}
}

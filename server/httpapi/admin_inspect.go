package httpapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// maxNames is how many names of one kind are shown of a stranger's certificate.
const maxNames = 100

// Inspector looks at remote servers.
type Inspector interface {
	// Inspect gives what the server at host:port presents, trusting nothing.
	Inspect(ctx context.Context, address string) (trust.Inspection, error)
	// Bundle asks the peer listener at host:port, which presented leaf a moment ago, for its roots; it trusts nothing either.
	Bundle(ctx context.Context, address string, leaf *x509.Certificate) ([]*x509.Certificate, error)
}

func (s *Server) inspectRoutes() []route {
	return []route{{method: http.MethodPost, path: "/v1/trust/inspect", summary: "What a remote server presents, with fingerprints; trusts nothing", in: wire.TrustInspect{}, out: wire.TrustInspection{}, needs: onAll(mdc.ActionOperate, mdc.AreaTrust), handle: s.inspect}}
}

func (s *Server) inspect(c *call) error {
	var in wire.TrustInspect
	if err := c.decode(&in); err != nil {
		return err
	}
	if len(in.Address) > 300 {
		return fault.InvalidFields("The body cannot be accepted.", []fault.Field{{Pointer: "/address", Detail: "is longer than 300 bytes"}})
	}
	ctx := c.Request.Context()
	if err := s.c.Audit(ctx, c.actor(), "inspect", "tls_server/"+in.Address); err != nil {
		return err
	}
	got, err := s.c.Inspector.Inspect(ctx, in.Address)
	if err != nil {
		return err
	}
	out := inspection(got)
	if in.Bundle {
		roots, err := s.c.Inspector.Bundle(ctx, in.Address, got.Certificates[0])
		if err != nil {
			return err
		}
		out.Bundle = remoteCertificates(roots)
	}
	return c.answer(out)
}

func inspection(i trust.Inspection) wire.TrustInspection {
	out := wire.TrustInspection{ID: i.Address, RemoteAddress: i.Remote, TLSVersion: i.Version, Certificates: remoteCertificates(i.Certificates),
		Bundle: []wire.RemoteCertificate{}, LeadsTo: []wire.TrustAnchor{}, Partner: i.Peer.ClusterID}
	for _, a := range i.LeadsTo {
		out.LeadsTo = append(out.LeadsTo, wire.TrustAnchor(a))
	}
	if i.Refusal != nil {
		out.Reason = i.Refusal.Error()
	}
	return out
}

func remoteCertificates(all []*x509.Certificate) []wire.RemoteCertificate {
	out := []wire.RemoteCertificate{}
	for _, c := range all {
		i := trust.DescribeOne(c)
		r := wire.RemoteCertificate{CertificateInfo: wire.CertificateInfo{Kind: i.Kind, IssuedTo: clip(i.IssuedTo), IssuedBy: clip(i.IssuedBy), ExpiresAt: i.ExpiresAt, FingerprintSHA256: i.Fingerprint},
			NotBefore: c.NotBefore.UTC(), SPKISHA256: trust.SPKI(c), PublicKey: publicKey(c), Signature: c.SignatureAlgorithm.String(),
			DNSNames: some(c.DNSNames), URIs: some(trust.URINames(c)), IPAddresses: []string{},
			CertificatePEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))}
		for _, ip := range c.IPAddresses[:min(len(c.IPAddresses), maxNames)] {
			r.IPAddresses = append(r.IPAddresses, ip.String())
		}
		out = append(out, r)
	}
	return out
}

// some are the first names of a list, each cut where it would fill a page.
func some(names []string) []string {
	out := []string{}
	for _, n := range names[:min(len(names), maxNames)] {
		out = append(out, clip(n))
	}
	return out
}

func publicKey(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}

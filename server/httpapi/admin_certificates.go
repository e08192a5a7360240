package httpapi

import (
	"encoding/pem"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// orderedOnce describes the header of an order.
const orderedOnce = "One word of 16 to 255 bytes, made at random for each certificate; only with csr_pem. Within an hour the same request of the same caller with it gets the same certificate. " +
	"409 idempotency_key_used for another request, 409 certificate_revoked after the certificate was revoked, 503 issuing while it is being signed."

func (s *Server) certificateRoutes() []route {
	const all, one = "/v1/certificates", "/v1/certificates/{serial}"
	return []route{
		{method: http.MethodGet, path: all, summary: "List the certificates that this data center issued",
			query: []string{"profile", "identity", "name", "status", "expiring_before", "limit", "cursor"}, out: wire.Page[wire.CertificateView]{}, needs: onAll(mdc.ActionRead, mdc.AreaCertificate), handle: s.listCertificates},
		{method: http.MethodPost, path: all, summary: "Issue a certificate; without a request the server makes the key and returns it this once", status: http.StatusCreated, query: []string{"dry_run"}, also: map[int]any{http.StatusNoContent: nil},
			header: map[string]string{wire.HeaderIdempotencyKey: orderedOnce},
			in:     wire.CertificateOrder{}, out: wire.IssuedCertificate{}, needs: onAll(mdc.ActionWrite, mdc.AreaCertificate), handle: s.issueCertificate},
		{method: http.MethodGet, path: one, summary: "Read one certificate", out: wire.CertificateView{}, needs: onAll(mdc.ActionRead, mdc.AreaCertificate), handle: s.getCertificate},
		{method: http.MethodPost, path: one + "/renew", summary: "Issue the successor of a certificate that is valid: for the key of a request, or for a fresh one", status: http.StatusCreated,
			in: wire.CertificateRenewal{}, out: wire.IssuedCertificate{}, needs: onAll(mdc.ActionWrite, mdc.AreaCertificate), handle: s.renewCertificate},
		{method: http.MethodPost, path: one + "/revoke", summary: "End a certificate before its time, for good", in: wire.CertificateRevocation{}, out: wire.CertificateView{}, needs: onAll(mdc.ActionWrite, mdc.AreaCertificate), handle: s.revokeCertificate},
		{method: http.MethodPost, path: "/v1/certificate-revocations", summary: "End several certificates, or all of an identity or a node, which is then not renewed either",
			in: wire.CertificateWithdrawal{}, out: wire.CertificatesRevoked{}, needs: onAll(mdc.ActionWrite, mdc.AreaCertificate), handle: s.withdrawCertificates},
		{method: http.MethodGet, path: "/v1/crl", summary: "The list of revoked certificates, signed: DER, or PEM for Accept: application/x-pem-file", public: true, handle: s.revocationList},
	}
}

func (s *Server) issuer(c *call) ca.Actor {
	a := c.actor()
	return ca.Actor{Name: a.Name, RequestID: a.RequestID, Address: a.Address}
}

func (s *Server) issueCertificate(c *call) error {
	var in wire.CertificateOrder
	if err := c.decode(&in); err != nil {
		return err
	}
	r := ca.Request{Profile: ca.Profile(in.Profile), Name: in.Name, SANs: in.SANs, CSR: in.CSRPEM}
	if in.TTL != "" {
		ttl, err := time.ParseDuration(in.TTL)
		if err != nil || ttl <= 0 {
			return fault.InvalidFields("The certificate cannot be issued as asked.", []fault.Field{{Pointer: "/ttl", Detail: "is no duration above zero; write a number with a unit, such as \"24h\""}})
		}
		r.TTL = ttl
	}
	if err := s.mayHaveIssued(c, r.Profile, r.Name); err != nil {
		return err
	}
	if c.Query("dry_run") == "true" {
		if err := s.c.Authority.Check(r); err != nil {
			return err
		}
		c.Status(http.StatusNoContent)
		return nil
	}
	var err error
	if r.Once, err = c.idempotencyKey(); err != nil {
		return err
	}
	made, err := s.c.Authority.Issue(c.Request.Context(), s.issuer(c), r)
	if err != nil {
		return err
	}
	return c.answer(s.issuedCertificate(made))
}

// idempotencyKey reads the header by which a request may be repeated whose answer was lost; "" for none.
func (c *call) idempotencyKey() (string, error) {
	sent := c.Request.Header.Values(wire.HeaderIdempotencyKey)
	if len(sent) == 0 {
		return "", nil
	}
	if key := sent[0]; len(sent) == 1 && len(key) >= 16 && len(key) <= 255 {
		return key, nil
	}
	return "", fault.New(fault.Invalid, "invalid_idempotency_key", "%s takes one word of 16 to 255 bytes, made at random for each certificate.", wire.HeaderIdempotencyKey)
}

func (s *Server) renewCertificate(c *call) error {
	var in wire.CertificateRenewal
	if err := c.decode(&in); err != nil {
		return err
	}
	rec, err := s.c.Authority.Certificate(c.Request.Context(), c.Param("serial"))
	if err != nil {
		return err
	}
	if err := s.mayHold(c, rec.Profile, rec.Identity); err != nil {
		return err
	}
	made, err := s.c.Authority.Renew(c.Request.Context(), s.issuer(c), c.Param("serial"), in.CSRPEM)
	if err != nil {
		return err
	}
	return c.answer(s.issuedCertificate(made))
}

// mayHaveIssued refuses a certificate, or a token for one, with which its holder could do more than who asks for it.
func (s *Server) mayHaveIssued(c *call, profile ca.Profile, name string) error {
	return s.mayHold(c, profile, "spiffe://"+mdc.FoldName(s.c.ClusterID)+"/admin/"+name)
}

func (s *Server) mayHold(c *call, profile ca.Profile, identity string) error {
	switch profile {
	case ca.ProfileNode: // who has one is this data center, for its partners
		return c.everything()
	case ca.ProfileAdministrator:
		rights, err := s.c.Administrators.RightsOfCertificate(c.Request.Context(), identity)
		if err != nil {
			return err
		}
		if lack, lacks := rights.Beyond(c.administrator().Rights); lacks {
			return fault.New(fault.Forbidden, configuration.CodeForbidden, "The certificate is allowed more than this administrator is: %s. Nobody gives what he does not have.", lack)
		}
	}
	return nil
}

func (s *Server) getCertificate(c *call) error {
	rec, err := s.c.Authority.Certificate(c.Request.Context(), c.Param("serial"))
	if err != nil {
		return err
	}
	return c.answer(s.certificateView(rec))
}

func (s *Server) revokeCertificate(c *call) error {
	var in wire.CertificateRevocation
	if err := c.decode(&in); err != nil {
		return err
	}
	ended, err := s.c.Authority.Revoke(c.Request.Context(), s.issuer(c), ca.Withdrawal{Serials: []string{c.Param("serial")}, Reason: ca.Reason(in.Reason)})
	if err != nil {
		return err
	}
	return c.answer(s.certificateView(ended[0]))
}

func (s *Server) withdrawCertificates(c *call) error {
	var in wire.CertificateWithdrawal
	if err := c.decode(&in); err != nil {
		return err
	}
	ended, err := s.c.Authority.Revoke(c.Request.Context(), s.issuer(c),
		ca.Withdrawal{Serials: in.Serials, Identity: in.Identity, Node: in.Node, Reason: ca.Reason(in.Reason)})
	if err != nil {
		return err
	}
	return c.answer(wire.CertificatesRevoked{Items: s.certificateViews(ended)})
}

func (s *Server) listCertificates(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	f, err := certificateFilter(c)
	if err != nil {
		return err
	}
	after, err := s.openCursor("certificate", c.Query("cursor"))
	if err != nil {
		return err
	}
	list, next, err := s.c.Authority.Certificates(c.Request.Context(), f, after, limit)
	if err != nil {
		return err
	}
	page := wire.Page[wire.CertificateView]{Items: s.certificateViews(list)}
	if page.NextCursor, err = s.sealCursor("certificate", next); err != nil {
		return err
	}
	return c.answer(page)
}

func certificateFilter(c *call) (ca.Filter, error) {
	f := ca.Filter{Profile: ca.Profile(c.Query("profile")), Identity: c.Query("identity"), Name: c.Query("name"), Status: ca.Status(c.Query("status"))}
	var wrong []fault.Field
	switch f.Profile {
	case "", ca.ProfileNode, ca.ProfileAgent, ca.ProfileAdministrator, ca.ProfileUser, ca.ProfileWebServer:
	default:
		wrong = append(wrong, fault.Field{Pointer: "/profile", Detail: "has to be node, agent, administrator, user or web_server"})
	}
	switch f.Status {
	case "", ca.StatusValid, ca.StatusExpired, ca.StatusRevoked:
	default:
		wrong = append(wrong, fault.Field{Pointer: "/status", Detail: "has to be valid, expired or revoked"})
	}
	if text := c.Query("expiring_before"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			wrong = append(wrong, fault.Field{Pointer: "/expiring_before", Detail: "has to be a time as RFC 3339, such as 2027-01-31T00:00:00Z"})
		}
		f.ExpiringBefore = at
	}
	return f, fault.InvalidFields("The query cannot be accepted.", wrong)
}

// revocationList is open to everybody: a list of serials, signed, that whoever is shown a certificate has to be able to
// read. It is answered from memory.
func (s *Server) revocationList(c *call) error {
	if err := s.c.Authority.ListTrouble(); err != nil {
		return err
	}
	l := s.c.Authority.CRL()
	c.Header("Cache-Control", "no-cache") // may be kept, but a revocation counts at once
	c.Header("Vary", "Accept")
	c.Header("ETag", `"`+strconv.FormatUint(l.Number, 10)+`"`)
	if c.has(c.Writer.Header().Get("ETag")) {
		c.Status(http.StatusNotModified)
		return nil
	}
	if strings.Contains(c.GetHeader("Accept"), "application/x-pem-file") {
		c.Data(http.StatusOK, "application/x-pem-file", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: l.DER}))
		return nil
	}
	c.Data(http.StatusOK, "application/pkix-crl", l.DER)
	return nil
}

func (s *Server) certificateViews(list []ca.Record) []wire.CertificateView {
	out := make([]wire.CertificateView, 0, len(list))
	for _, r := range list {
		out = append(out, s.certificateView(r))
	}
	return out
}

func (s *Server) issuedCertificate(i ca.Issued) wire.IssuedCertificate {
	return wire.IssuedCertificate{CertificateView: s.certificateView(i.Record), PrivateKeyPEM: i.PrivateKeyPEM}
}

func (s *Server) certificateView(r ca.Record) wire.CertificateView {
	v := wire.CertificateView{ID: r.Serial, Serial: r.Serial, Profile: string(r.Profile), Identity: r.Identity, Node: r.Node, Names: append([]string{}, r.Names...),
		Status: string(r.Status(s.c.Clock.Now())), IssuedAt: r.IssuedAt.UTC(), IssuedBy: r.IssuedBy, NotBefore: r.NotBefore.UTC(), ExpiresAt: r.NotAfter.UTC(),
		FingerprintSHA256: r.Fingerprint(), Renews: r.Renews, Reason: string(r.Reason), CertificatePEM: certificatePEM(r.Certificate)}
	for _, c := range r.Chain {
		v.ChainPEM += certificatePEM(c)
	}
	if !r.RevokedAt.IsZero() {
		at := r.RevokedAt.UTC()
		v.RevokedAt = &at
	}
	return v
}

func certificatePEM(der []byte) string {
	if len(der) == 0 {
		return ""
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

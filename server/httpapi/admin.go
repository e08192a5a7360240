package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// declareAdmin lists every route of the admin listener.
func (s *Server) declareAdmin() {
	o := &s.admin
	for _, k := range s.kinds() {
		o.add(s.operationsOf(k)...)
	}
	o.add(
		route{method: http.MethodGet, path: "/v1/health", summary: "The process is alive", public: true, out: wire.Health{}, among: free, handle: s.alive},
		route{method: http.MethodGet, path: "/v1/ready", summary: "Ready to serve, or why not", public: true, out: wire.Health{}, also: notReady(), among: free, handle: s.ready},
		route{method: http.MethodGet, path: "/v1/replication/agreements", summary: "List agreements", query: []string{"type"}, out: wire.Page[wire.AgreementView]{}, needs: onAll(mdc.ActionRead, mdc.AgreementKind().Name), handle: s.listAgreements},
		route{method: http.MethodPost, path: "/v1/replication/agreements", summary: "Create an agreement, at the master; answers when the clone is ready", query: []string{"dry_run"}, status: http.StatusCreated, also: map[int]any{http.StatusOK: wire.AgreementView{}}, in: wire.Agreement{}, out: wire.AgreementView{}, needs: onAll(mdc.ActionWrite, mdc.AgreementKind().Name), handle: s.createAgreement},
		route{method: http.MethodGet, path: "/v1/replication/agreements/{id}", summary: "Read an agreement", out: wire.AgreementView{}, needs: onAll(mdc.ActionRead, mdc.AgreementKind().Name), handle: s.getAgreement},
		route{method: http.MethodPatch, path: "/v1/replication/agreements/{id}", summary: "Change enabled, poll_interval or follow", in: wire.AgreementChange{}, out: wire.AgreementView{}, needs: onAll(mdc.ActionWrite, mdc.AgreementKind().Name), handle: s.changeAgreement},
		route{method: http.MethodDelete, path: "/v1/replication/agreements/{id}", summary: "Delete an agreement that is disabled on both sides", query: []string{"force"}, status: http.StatusNoContent, needs: onAll(mdc.ActionWrite, mdc.AgreementKind().Name), handle: s.deleteAgreement},
		route{method: http.MethodGet, path: "/v1/replication/status", summary: "How replication stands, with a verdict", out: wire.ReplicationStatus{}, needs: onAll(mdc.ActionRead, mdc.AreaReplication), handle: s.replicationStatus},
		route{method: http.MethodGet, path: "/v1/sessions", summary: "List runtime sessions of this data center", query: []string{"user", "sso_id", "origin", "degraded", "limit", "cursor"}, out: wire.Page[wire.SessionView]{}, needs: onAll(mdc.ActionRead, mdc.AreaSession), handle: s.listSessions},
		route{method: http.MethodGet, path: "/v1/sessions/{id}", summary: "Read one runtime session", out: wire.SessionView{}, needs: onAll(mdc.ActionRead, mdc.AreaSession), handle: s.getSession},
		route{method: http.MethodDelete, path: "/v1/sessions/{id}", summary: "End a sign-on in every data center", out: wire.Receipt{}, needs: onAll(mdc.ActionOperate, mdc.AreaSession), handle: s.endSession},
		route{method: http.MethodGet, path: "/metrics", summary: "Figures for Prometheus", needs: onAll(mdc.ActionRead, mdc.AreaMetrics), among: free, handle: s.metrics},
	)
	o.add(s.adminTokenRoutes()...)
	o.add(s.contextRoutes()...)
	o.add(s.batchRoutes()...)
	o.add(s.lockRoutes()...)
	o.add(s.joinTokenRoutes()...)
	o.add(s.certificateRoutes()...)
	o.add(s.blobRoutes()...)
	o.add(s.mastershipRoutes()...)
	o.add(s.replicationCheckRoutes()...)
	o.add(s.checkRoutes()...)
	o.add(s.evaluationRoutes()...)
	o.add(s.simulationRoutes()...)
	o.add(s.inspectRoutes()...)
	o.add(s.matrixRoutes()...)
	o.add(s.storeRoutes()...)
	o.add(s.expiryRoutes()...)
	o.add(s.federationRoutes()...)
	o.add(s.cookieKeyRoutes()...)
	o.add(s.nodeRoutes()...)
	o.add(s.oracleRoutes()...)
	o.add(s.auditRoutes()...)
	s.describes(o, &s.adminDoc, false)
}

// kinds lists the configuration kinds that have routes.
func (s *Server) kinds() []kindRoutes {
	return []kindRoutes{
		{kind: mdc.DataCenterKind(), in: wire.DataCenter{}, out: wire.DataCenterView{}, view: s.dataCenterView},
		{kind: mdc.PartnerProfileKind(), in: wire.PartnerProfile{}, out: wire.PartnerProfileView{}},
		{kind: mdc.PartnerKind(), in: wire.Partner{}, out: wire.PartnerView{}, page: wire.Page[wire.PartnerView]{}, view: s.partnerView},
		{kind: mdc.TrustedCertificateKind(), in: wire.TrustedCertificate{}, out: wire.TrustedCertificateView{}, page: wire.Page[wire.TrustedCertificateView]{}, view: s.trustedCertificateView},
		{kind: mdc.SessionPolicyKind(), in: wire.SessionPolicy{}, out: wire.SessionPolicyView{}},
		{kind: mdc.UserKind(), in: wire.User{}, out: wire.UserView{}, page: wire.Page[wire.UserView]{}, made: importedHash},
		{kind: mdc.PasswordPolicyKind(), in: wire.PasswordPolicy{}, out: wire.PasswordPolicyView{}},
		{kind: mdc.GroupKind(), in: wire.Group{}, out: wire.GroupView{}, page: wire.Page[wire.GroupView]{}},
		{kind: mdc.ApplicationKind(), in: wire.Application{}, out: wire.ApplicationView{}, page: wire.Page[wire.ApplicationView]{}},
		{kind: mdc.AuthorizationPolicyKind(), in: wire.AuthorizationPolicy{}, out: wire.AuthorizationPolicyView{}, page: wire.Page[wire.AuthorizationPolicyView]{}},
		{kind: mdc.SecurityDomainKind(), in: wire.SecurityDomain{}, out: wire.SecurityDomainView{}, page: wire.Page[wire.SecurityDomainView]{}, view: s.securityDomainView, moves: true},
		{kind: mdc.AuthenticationSchemeKind(), in: wire.AuthenticationScheme{}, out: wire.AuthenticationSchemeView{}, page: wire.Page[wire.AuthenticationSchemeView]{}},
		{kind: mdc.IdentityStoreKind(), in: wire.IdentityStore{}, out: wire.IdentityStoreView{}, page: wire.Page[wire.IdentityStoreView]{}},
		{kind: mdc.AdminRoleKind(), in: wire.AdminRole{}, out: wire.AdminRoleView{}, page: wire.Page[wire.AdminRoleView]{}},
		{kind: mdc.AdminTokenKind(), in: wire.AdminToken{}, out: wire.AdminTokenView{}, page: wire.Page[wire.AdminTokenView]{}, view: s.adminTokenView},
		{kind: mdc.AgentKind(), in: wire.Agent{}, out: wire.AgentView{}, page: wire.Page[wire.AgentView]{}},
		{kind: mdc.SettingKind(), in: wire.Setting{}, out: wire.SettingView{}, page: wire.Page[wire.SettingView]{}},
		{kind: mdc.PackageKind(), in: wire.Package{}, out: wire.PackageView{}, page: wire.Page[wire.PackageView]{}},
		{kind: mdc.OverrideKind(), in: wire.Override{}, out: wire.OverrideView{}, page: wire.Page[wire.OverrideView]{}, view: s.overrideView, over: true},
	}
}

// Admin is the handler of the admin listener.
func (s *Server) Admin() http.Handler {
	e := quiet()
	s.admin.mount(e, append(s.base(), s.waitForClones), s.administrator)
	return e
}

func (s *Server) alive(c *call) error {
	return c.answer(wire.Health{Status: "ok", ClusterID: s.c.ClusterID, NodeName: s.c.NodeName, Version: s.c.Version})
}

// notReady describes the one 503 that is no problem document: it lists the reasons.
func notReady() map[int]any { return map[int]any{http.StatusServiceUnavailable: wire.Health{}} }

func (s *Server) ready(c *call) error { return s.answerReady(c, s.c.Readiness()) }

// health is for load balancers: ready, and meant to get users now.
func (s *Server) health(c *call) error {
	reasons := s.c.Readiness()
	d, err := s.c.Model.DataCenter(c.Request.Context())
	if err != nil {
		reasons = append(reasons, "what is declared of this data center cannot be read")
	} else if why := s.c.Partners.NoUsers(c.Request.Context(), d.Availability); why != "" {
		reasons = append(reasons, why)
	}
	return s.answerReady(c, reasons)
}

func (s *Server) answerReady(c *call, reasons []string) error {
	h := wire.Health{Status: "ready", ClusterID: s.c.ClusterID, NodeName: s.c.NodeName, Version: s.c.Version}
	if h.Reasons = reasons; len(h.Reasons) > 0 {
		h.Status = "not_ready"
		c.Header("Retry-After", "1")
		return c.answerStatus(http.StatusServiceUnavailable, h)
	}
	return c.answer(h)
}

var _ http.Handler = (*gin.Engine)(nil)

package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const partnerKey = "concord.partner"

// declarePeer lists every route of the peer listener. Each handler judges what its caller may ask.
func (s *Server) declarePeer() {
	o := &s.peer
	o.add(
		route{method: http.MethodGet, path: peerHelloPath, summary: "Who answers, and where it stands", out: wire.PeerHello{}, among: free, handle: s.peerHello},
		route{method: http.MethodPut, path: "/peer/v1/replication/agreements/{id}", summary: "Install the clone's half of an agreement; answers when the copy is in force", in: wire.PeerAgreement{}, out: wire.PeerAgreementState{}, among: follows, handle: s.peerInstall},
		route{method: http.MethodPatch, path: "/peer/v1/replication/agreements/{id}", summary: "Change the clone's half", in: wire.PeerAgreement{}, out: wire.PeerAgreementState{}, among: follows, handle: s.peerChange},
		route{method: http.MethodDelete, path: "/peer/v1/replication/agreements/{id}", summary: "Remove the clone's half", status: http.StatusNoContent, among: follows, handle: s.peerRemove},
		route{method: http.MethodGet, path: "/peer/v1/replication/journal", summary: "What follows a position (long poll)", query: []string{"agreement", "after", "epoch", "epoch_holder", "digest", "wait", "ahead"}, out: wire.JournalPage{}, among: follows, handle: s.peerJournal},
		route{method: http.MethodGet, path: "/peer/v1/replication/snapshot", summary: "Every replicated object: a binary form for who asks for it, else lines of JSON", query: []string{"agreement"}, among: copies, handle: s.peerSnapshot},
		route{method: http.MethodPost, path: "/peer/v1/sessions/retrieve", summary: "Ask for a session", in: wire.RetrieveRequest{}, out: wire.RetrieveAnswer{}, handle: s.peerRetrieve},
		route{method: http.MethodPost, path: "/peer/v1/sessions/events", summary: "Tell what happened to sign-ons", in: wire.SessionEvents{}, status: http.StatusNoContent, handle: s.peerEvents},
		route{method: http.MethodPost, path: "/peer/v1/sessions/last-access", summary: "Ask when sign-ons were used last", in: wire.LastAccessRequest{}, out: wire.LastAccessAnswer{}, handle: s.peerLastAccess},
		route{method: http.MethodPost, path: "/peer/v1/sessions/reserve", summary: "Ask for a place among a user's sign-ons", in: wire.ReserveRequest{}, out: wire.ReserveAnswer{}, handle: s.peerReserve},
		route{method: http.MethodPost, path: "/peer/v1/sign-in-attempts", summary: "Count a check of a password where the account is counted", in: wire.SignInAttempt{}, out: wire.SignInGrant{}, handle: s.peerSignInAttempts},
		route{method: http.MethodPost, path: "/peer/v1/revocations", summary: "Tell which sign-ons ended", in: wire.Revocations{}, out: wire.RevocationsAnswer{}, handle: s.peerRevocations},
		route{method: http.MethodPost, path: "/peer/v1/revocations/pull", summary: "Ask for the ended sign-ons that are missing", in: wire.RevocationsPull{}, out: wire.Revocations{}, handle: s.peerRevocationsPull},
	)
	o.add(route{method: http.MethodGet, path: "/peer/v1/blobs/{sha256}", summary: "The content of a package, or a range of it; for whom this data center replicates with", out: octets{},
		also: map[int]any{http.StatusPartialContent: octets{}}, among: copies, handle: s.peerBlob})
	o.add(route{method: http.MethodGet, path: "/peer/v1/bundle", public: true, summary: "This data center's roots as a SPIFFE bundle; no certificate is needed", out: json.RawMessage{}, handle: s.peerBundle})
	o.add(route{method: http.MethodPost, path: "/peer/v1/pair", public: true, summary: "Exchange roots under the passphrase, in mode simple; no certificate is needed", in: wire.PairRequest{}, out: wire.PairAnswer{}, ahead: maxStranger, handle: s.peerPair})
	o.add(s.peerNeighbourRoutes()...)
	o.add(s.peerEnrolRoutes()...)
	o.add(s.peerTrustRoutes()...)
	o.add(route{method: http.MethodGet, path: "/peer/v1/assertion-keys", summary: "Keys that this data center signs assertions with", out: wire.KeySet{}, handle: s.peerKeys})
	o.add(s.peerAccountRoutes()...)
	o.add(s.peerKeyRoutes()...)
	o.add(s.peerCheckRoutes()...)
	o.add(s.peerTestRoutes()...)
	o.add(s.peerEdgeRoutes()...)
	o.add(s.peerDomainRoutes()...)
	o.add(s.peerAuditRoutes()...)
	o.add(s.peerStoreRoutes()...)
	o.add(s.peerMastershipRoutes()...)
	s.describes(o, &s.peerDoc, false)
}

// Peer is the handler of the peer listener.
func (s *Server) Peer() http.Handler {
	e := quiet()
	s.peer.mount(e, append(s.base(), s.label, s.strangers, s.passable), s.provePeer)
	return s.byMode(e)
}

// provePartner checks the caller's certificate again, under the trust in force now: a connection may be older than that
// (SEC-43, FLT-22). Who is refused loses the connection too.
func (s *Server) provePartner(g *gin.Context) {
	id, err := s.caller(g.Request)
	if err != nil {
		g.Header("Connection", "close")
		s.c.Logger.Warn("partner refused", "error", err, "remote", g.Request.RemoteAddr)
		if t := g.Request.TLS; t != nil && len(t.PeerCertificates) > 0 {
			s.c.Refused(listenerPeer, t.PeerCertificates[0], err)
		}
		(&call{Context: g}).fail(err)
		return
	}
	g.Set(partnerKey, id)
	g.Set(actorKey, "partner:"+id)
}

// partner is the cluster id that the caller's certificate, or its proof in mode open, proves.
func (c *call) partner() string { return c.GetString(partnerKey) }

package httpapi

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/administration"
	"github.com/concord-access/terraform-provider-concord/server/admission"
	"github.com/concord-access/terraform-provider-concord/server/assertion"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/blob"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/cluster"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/console"
	"github.com/concord-access/terraform-provider-concord/server/enrolment"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/session/keyring"
	"github.com/concord-access/terraform-provider-concord/server/topology"
	"github.com/concord-access/terraform-provider-concord/server/trust"
	"github.com/concord-access/terraform-provider-concord/server/trust/federation"
)

// Addresses are a node's listeners as others reach them, with scheme.
type Addresses struct{ Admin, Runtime, Peer string }

// Config wires the listeners. Everything but Insecure is needed.
type Config struct {
	ClusterID, NodeName, Version string
	Addresses                    func() Addresses // the peer listener's scheme follows the security mode
	Insecure                     bool             // the runtime listener has no TLS: cookies lose Secure and their prefixes
	Logger                       *slog.Logger
	Clock                        clock.Clock

	Administrators *administration.Administrators
	AdminRoots     func() *x509.CertPool                                                             // roots of the operator's own PKI for the listener's client certificates; nil = none
	RuntimeRoots   func() *x509.CertPool                                                             // likewise
	Audit          func(ctx context.Context, actor configuration.Actor, action, target string) error // of acts that are no configuration
	Trail          audit.Trail
	Events         *audit.Recorder
	AuditPeers     AuditPeers
	Readiness      func() []string // why the node is not ready; empty when it is
	Cursors        Sealer
	Mode           func() string // the security mode in force
	Pairings       *passphrase.Pairings
	Gate           *passphrase.Gate
	Epoch          func() mdc.Epoch // in which this data center stands
	Journal        *journal.Log
	Configuration  *configuration.Service
	Agreements     *topology.Agreements
	Mastership     *topology.Mastership
	MastershipKey  []byte // its public half
	Partners       *topology.Partners
	Clones         Clones
	Tester         *topology.Tester
	Validator      *topology.Validator
	Inspector      Inspector
	Refused        func(listener string, leaf *x509.Certificate, err error) // of callers whose certificate is refused at a request; must not block
	Proved         func(ctx context.Context, clusterID string)              // of requests of mode open, before they are judged; must not block
	Feed           *replication.Feed
	Follower       *replication.Follower
	Keys           *replication.Keys
	CookieKeys     *keyring.Keeper
	Nodes          *cluster.Members
	Blobs          *blob.Store
	Fetcher        *blob.Fetcher
	Trust          *trust.Store
	Desk           *enrolment.Desk
	Joiner         Joiner
	Book           *federation.Book
	Publisher      *federation.Publisher
	Refresher      *federation.Refresher
	Rotation       *federation.Rotation
	Authority      *ca.Authority
	Sessions       *session.Engine
	Assertions     *assertion.Signer
	Sisters        session.Sisters // who else may know a person's sign-ons
	Users          *identity.Authenticator
	Passwords      Passwords
	Proxies        []netip.Prefix    // in front of the runtime listener: what they say of where a request comes from is believed
	Directory      session.Directory // the same people by name, for who showed a certificate
	Guesses        Guesses           // of this data center: what partners ask about
	OwnGuesses     *identity.Counter // of this node: what its other nodes ask about
	AgentSecrets   *identity.Secrets
	Model          Model
	Pages          *console.Pages
	Admission      *admission.Node
}

// Guesses counts the password checks of accounts.
type Guesses interface {
	// Take counts one check; false when none is left. at is what GiveBack takes, which uncounts it.
	Take(ctx context.Context, account, source string, known bool) (at time.Time, granted bool)
	GiveBack(ctx context.Context, account string, at time.Time)
}

// Passwords changes what people sign in with.
type Passwords interface {
	// Change gives a person who proves the present password another one, everywhere; "" hashes the present one anew. Faults:
	// Unauthenticated wrong_credentials; Invalid invalid_input at /new_password; Unavailable; Conflict contended.
	Change(ctx context.Context, a identity.Attempt, next string) error
	// ChangeFor is Change for a clone, at its master: Conflict not_master elsewhere.
	ChangeFor(ctx context.Context, a identity.Attempt, next string) error
	// Policy is what a new password must be.
	Policy(ctx context.Context) (*mdc.PasswordPolicy, error)
}

// Sealer seals list cursors, so that a caller cannot make one up (SEC-73).
type Sealer interface {
	Seal(plain, context []byte) ([]byte, error)
	Open(sealed, context []byte) ([]byte, error)
}

// Server holds the three listeners' handlers.
type Server struct {
	c                             Config
	clusterHeader, nodeHeader     []string
	nosniff, noStore, jsonType    []string // values of headers, shared by all answers
	pages                         atomic.Pointer[console.Pages]
	admin, runtime, peer          operations
	adminDoc, runtimeDoc, peerDoc object
	figures                       *figures
	crowd                         *crowd   // strangers at the peer listener
	shares                        sync.Map // *admission.Share of decisions, by an agent's name: of agents that are known only
	basics                        *basics
	renewals                      *crowd     // agents that ask for their next certificate
	fetches                       *crowd     // partners that ask for cookie keys
	lookUps                       *crowd     // partners that ask for a person's sign-ons
	looked                        looked     // whom they asked for
	readers                       *crowd     // partners that read the audit
	verifying                     sync.Mutex // held over a verification of the audit
}

// New declares the routes. It refuses bad wiring.
func New(c Config) (*Server, error) {
	if c.Logger == nil || c.Administrators == nil || c.Configuration == nil || c.Journal == nil || c.Epoch == nil || c.Clock == nil || c.Sessions == nil || c.Assertions == nil || c.Sisters == nil || c.Trust == nil || c.Desk == nil || c.Joiner == nil || c.Authority == nil || c.Pages == nil || c.Events == nil || c.Trail.Acts == nil || c.AuditPeers == nil || c.Directory == nil || c.Admission == nil {
		return nil, errors.New("new listeners: a part is missing")
	}
	gin.SetMode(gin.ReleaseMode)
	s := &Server{c: c, clusterHeader: []string{c.ClusterID}, nodeHeader: []string{c.NodeName}, nosniff: []string{"nosniff"}, noStore: []string{"no-store"}, jsonType: []string{"application/json; charset=utf-8"},
		crowd: newCrowd(), renewals: newCrowd(), fetches: newCrowd(), lookUps: newCrowd(), readers: newCrowd(), basics: newBasics()}
	s.pages.Store(c.Pages)
	s.declare()
	return s, nil
}

// Dress puts pages with other looks in the place of the present ones.
func (s *Server) Dress(p *console.Pages) { s.pages.Store(p) }

// declare names every route of every listener. It uses no part of the configuration.
func (s *Server) declare() {
	s.admin.title, s.runtime.title, s.peer.title = "Concord admin listener", "Concord runtime listener", "Concord peer listener"
	s.admin.scheme, s.runtime.scheme, s.peer.scheme = object{"type": "http", "scheme": "bearer"}, object{"type": "http", "scheme": "basic"}, object{"type": "mutualTLS"}
	s.admin.certificates, s.runtime.certificates = true, true
	s.admin.guard = permit
	s.admin.admit, s.runtime.admit, s.peer.admit = s.adminDoor, s.runtimeDoor, s.peerDoor
	s.figures = s.newFigures()
	s.declareAdmin()
	s.declareRuntime()
	s.declarePeer()
}

// describes adds the route under which a listener describes itself.
func (s *Server) describes(o *operations, doc *object, public bool) {
	o.add(route{method: http.MethodGet, path: "/openapi.json", summary: "This description", public: public, out: map[string]any{},
		needs: anyAdministrator, handle: func(c *call) error { return c.answer(*doc) }})
	*doc = o.describe(s.c.Version)
}

// maxCursor is the longest cursor: one of the audit has a place for each data center.
const maxCursor = 8192

func (s *Server) openCursor(kind, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	bad := fault.InvalidFields("The query cannot be accepted.", []fault.Field{{Pointer: "/cursor", Detail: "is not one that this list gave; start again without it"}})
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(cursor) > maxCursor {
		return "", bad
	}
	after, err := s.c.Cursors.Open(b, []byte("list\x00"+kind))
	if err != nil {
		return "", bad
	}
	return string(after), nil
}

func (s *Server) sealCursor(kind, after string) (string, error) {
	if after == "" {
		return "", nil
	}
	b, err := s.c.Cursors.Seal([]byte(after), []byte("list\x00"+kind))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

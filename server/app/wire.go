package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/assertion"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
	"github.com/concord-access/terraform-provider-concord/server/session"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/topology"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// wire makes every part and connects them, from the bottom up.
func (n *Node) wire(ctx context.Context) error {
	n.model = newModel(n.journal, runtimeOrigin(n.listeners[1].url()))
	if err := n.model.prime(ctx); err != nil {
		return err
	}
	n.directories = n.newDirectories()
	for _, step := range []func(context.Context) error{n.wireModes, n.wireTrust, n.wireReplication, n.wireKeys, n.wireBlobs, n.wireMastership, n.wireSessions, n.wireHTTP} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	n.journal.OnChange(n.follow)
	return nil
}

// follow carries committed changes to the parts that keep something of them: before the writer is answered, so that a
// removed partner is refused at its next request and a removed user at theirs.
func (n *Node) follow(changes []journal.Change) {
	var trusted, keys, members, users, stores, blobs, links, mode bool
	for _, c := range changes {
		all := c.Kind == ""
		if c.Kind == "partner" {
			n.forgetPartner(c.Name)
		}
		mode = mode || all || c.Kind == "data_center" || c.Kind == "partner" || c.Kind == "partner_profile"
		trusted = trusted || all || c.Kind == "partner" || c.Kind == "trusted_certificate"
		keys = keys || all || c.Kind == "keyset"
		members = members || all || c.Kind == "data_center_key" || c.Kind == "partner"
		users = users || all || c.Kind == "user"
		stores = stores || all || c.Kind == "identity_store" || c.Kind == "identity_store_credential" || c.Kind == "override" && strings.HasPrefix(c.Name, "identity_store/")
		blobs = blobs || all || c.Kind == "package"
		links = links || all || c.Kind == "replication_agreement"
	}
	if mode && n.modeChanged() || trusted {
		n.reloadTrust()
		n.refresher.Refresh()
	}
	if keys {
		n.reloadKeys()
	}
	if users {
		n.engine.UsersChanged()
	}
	if stores {
		n.engine.StoresChanged()
	}
	if blobs {
		n.fetcher.Refresh()
	}
	if members {
		n.ring.foreign.Forget()
	}
	if trusted || links { // others may be asked now
		n.fetcher.Retry()
	}
}

// forgetPartner drops what is kept of a data center that is a partner no more.
func (n *Node) forgetPartner(clusterID string) {
	if p, err := n.model.Partner(context.Background(), clusterID); err == nil && p == nil {
		n.assertions.Forget(clusterID)
	}
}

// reloadTrust takes the declared trust over. What was opened under the former one and is not trusted any more is cut off.
func (n *Node) reloadTrust() {
	followed := n.book.Follow(context.Background())
	err := errors.Join(followed, n.trust.Reload(context.Background()))
	n.ready.trust.Store(err != nil)
	if err != nil {
		n.log.Error("trust store cannot be read; no partner is trusted until it can", "error", err)
	}
}

// trustChanged follows a change of trust to connections that are open, in both directions (SEC-43, FLT-22).
func (n *Node) trustChanged() {
	if cut := n.callers.cut(n.verifyCaller, n.links.member); cut > 0 {
		n.log.Info("connections of partners cut off: they are no longer trusted", "connections", cut)
	}
	n.links.drop()
}

func (n *Node) chainExpires(cs *tls.ConnectionState) time.Time {
	p, err := n.trust.Verify(cs, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return time.Time{}
	}
	return p.ExpiresAt
}

func (n *Node) verifyCaller(cs *tls.ConnectionState) error {
	if n.modes.now() == mdc.ModeOpen {
		return errFormerMode // whatever goes over TLS is of the mode before
	}
	_, err := n.trust.Verify(cs, x509.ExtKeyUsageClientAuth)
	if err != nil && n.shared() {
		if _, none := n.trust.VerifyNeighbour(cs, x509.ExtKeyUsageClientAuth); none == nil {
			return nil
		}
	}
	return err
}

var errFormerMode = errors.New("the connection is of a former security mode")

func (n *Node) reloadKeys() {
	err := n.ring.reload(context.Background())
	n.ready.keys.Store(err != nil)
	if err != nil {
		n.log.Error("cookie keys cannot be read; the former ones stay in use until they can", "error", err)
	}
}

func (n *Node) wireTrust(ctx context.Context) error {
	err := n.openBook(ctx)
	if err != nil {
		return err
	}
	n.trust, err = trust.New(ctx, trust.Config{ClusterID: n.cfg.ClusterID, Source: trustSource{n.model, n.pairings}, Certificate: n.authority.PeerCertificate,
		Learned: n.book.Learned, Roots: n.authority.Roots, Neighbours: n.shared(), Revoked: n.revoked, Clock: n.opts.Clock, Logger: n.log, Refused: n.refusals.notePeer})
	if err != nil {
		return err
	}
	n.listeners[2].tls, n.listeners[2].watch, n.listeners[2].mark = n.trust.ServerTLS(), n.callers.watch, n.callers.mark
	n.listeners[2].plain = func() bool { return n.modes.now() == mdc.ModeOpen }
	for i, l := range n.listeners[:2] { // agents of every partner come to the runtime listener, own administrators to the admin listener
		if l.tls != nil {
			l.tls = n.trust.HintingTLS(l.tls, i == 1, l.clients.certificates)
		}
	}
	if n.epochs, err = newEpochs(ctx, n.journal); err != nil {
		return err
	}
	n.links = &links{partners: n.model, config: n.trust.ClientTLS, verify: n.trust.VerifyServer, until: n.chainExpires, mode: n.modes.now, gate: n.gate, dialer: n.dialer, logger: n.log,
		label: label{clusterID: n.cfg.ClusterID, version: n.opts.Version, clock: n.opts.Clock, epoch: n.epochs.Epoch}}
	at := n.Addresses() // the peer listener has its TLS only now
	n.members.At(at.Admin, at.Runtime, at.Peer)
	n.neighbours = &neighbours{members: n.members, trust: n.trust, dialer: n.dialer, label: n.links.label, logger: n.log}
	n.trust.OnChange(n.trustChanged)
	return n.wireFederation(ctx)
}

// revoked says whether a certificate of this data center was taken back. What partners took back is theirs to publish.
func (n *Node) revoked(clusterID string, leaf *x509.Certificate) bool {
	return mdc.SameName(clusterID, n.cfg.ClusterID) && n.authority.Revoked(leaf.SerialNumber)
}

// withdrawn says of certificates of persons what their data centers took back.
type withdrawn struct{ n *Node }

func (w withdrawn) Revoked(c session.Certificate) bool {
	if c.Serial == nil {
		return false
	}
	if mdc.SameName(c.Issuer, w.n.cfg.ClusterID) {
		return w.n.authority.Revoked(c.Serial)
	}
	return w.n.trust.RevokedBy(c.Issuer, c.Serial)
}

func (n *Node) wireReplication(ctx context.Context) error {
	var err error
	if n.keys, err = replication.OpenKeys(ctx, n.state, n.key); err != nil {
		return err
	}
	if n.signer, err = topology.OpenSigner(ctx, n.state, n.key); err != nil {
		return err
	}
	if n.identities, err = replication.NewIdentities(n.state, n.key); err != nil {
		return err
	}
	n.feed, err = replication.NewFeed(ctx, replication.FeedConfig{Log: n.journal, Store: n.state, Keys: n.keys, ClusterID: n.cfg.ClusterID, Clock: n.opts.Clock, Logger: n.log,
		LaterEpoch: func(caller string) { n.mastership.Suspect(caller) }})
	if err != nil {
		return err
	}
	n.follower, err = replication.New(replication.Config{Log: n.journal, Store: n.state, Keys: n.keys, Sources: replicationSources{n.links, n.identities.Secret},
		ClusterID: n.cfg.ClusterID, Clock: n.opts.Clock, Logger: n.log,
		Discard: n.discardEdits,
		Fork:    func(ctx context.Context, source string) error { return n.mastership.KeepFork(ctx, source) },
		Overwrite: func(ctx context.Context, source string, staged *journal.Staging, winner mdc.Epoch) (string, error) {
			return n.mastership.KeepOwn(ctx, source, staged, winner)
		},
		Unknown: func(agreement string) { n.mastership.Unknown(agreement) },
		Audit: func(tx store.Writer, actor, action, target string) error {
			return n.acts.Append(tx, audit.Event{Actor: actor, Action: action, Target: target})
		}})
	if err != nil {
		return err
	}
	link := topologyLink{n.links}
	n.partners, err = topology.NewPartners(topology.PartnersConfig{Log: n.journal, Hello: link.Hello, Clock: n.opts.Clock, Returned: n.returned, Logger: n.log,
		Heard: func(h topology.Hello) { n.mastership.Heard(h) }})
	if err != nil {
		return err
	}
	n.agreement, err = topology.NewAgreements(topology.AgreementsConfig{Await: n.pairings.Await, Settling: n.pairings.Settling, Log: n.journal, ClusterID: n.cfg.ClusterID, PublicKey: n.keys.Public(), Signer: n.signer, Link: link,
		Feed: n.feed, Follower: n.follower, Clock: n.opts.Clock, Logger: n.log,
		Identities: n.identities, MayJoin: func(v *journal.Snapshot) error { return n.mastership.MayJoin(v) },
		Audit: func(tx store.Writer, actor topology.Actor, action, target string) error {
			return n.acts.Append(tx, actEvent(configuration.Actor{Name: actor.Name, RequestID: actor.RequestID, Address: actor.Address}, action, target))
		}})
	return err
}

// returned wakes what waits for a partner.
func (n *Node) returned(clusterID string) {
	n.follower.Wake(clusterID)
	n.refresher.Wake(clusterID)
	n.fetcher.Retry()
}

func (n *Node) wireSessions(ctx context.Context) error {
	var err error
	n.assertions, err = assertion.Open(ctx, assertion.Config{ClusterID: n.cfg.ClusterID, Store: n.state, Wrapper: n.key,
		Partners: assertionPartners{partnerIDs{n.model, n.log}, n.links}, Clock: n.opts.Clock, Logger: n.log})
	if err != nil {
		return err
	}
	n.calls = newLogoutCalls(n.cfg.ClusterID, n.model, n.assertions, n.opts.Clock, n.dialer, n.authority.Roots)
	n.engine, err = session.New(session.Config{ClusterID: n.cfg.ClusterID, Sessions: n.sessions, State: n.state, Keys: &n.ring.Ring,
		Policies: n.model, Directory: directory{n.model, n.directories}, Partners: partnerIDs{n.model, n.log}, Peers: sessionPeers{n.links}, Clock: n.opts.Clock, Logger: n.log,
		SignInURL: n.model.runtimeURL, Ready: n.knows, Audit: n.events, Insecure: n.listeners[1].tls == nil, Capacity: n.capacity, Shared: n.shared(), Calls: n.calls, Certificates: withdrawn{n}})
	return err
}

// audit records an administrator's act that changes no configuration, durably before the act.
func (n *Node) audit(ctx context.Context, actor configuration.Actor, action, target string) error {
	return n.state.Update(ctx, func(tx store.Writer) error {
		return n.acts.Append(tx, actEvent(configuration.Actor{Name: actor.Name, RequestID: actor.RequestID, Address: actor.Address}, action, target))
	})
}

// partnerIDs lists the registered partners.
type partnerIDs struct {
	model *model
	log   *slog.Logger
}

// List gives their cluster ids.
func (p partnerIDs) List() []string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ids, err := p.model.partnerIDs(ctx)
	if err != nil {
		p.log.Error("partners cannot be read; the last known ones count", "error", err)
	}
	return ids
}

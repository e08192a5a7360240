package app

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
	"github.com/concord-access/terraform-provider-concord/server/trust/federation"
)

// openBook makes what partners told ready to be read: before the trust store, which lays it beside what is declared.
func (n *Node) openBook(ctx context.Context) (err error) {
	n.book, err = federation.NewBook(federation.BookConfig{ClusterID: n.cfg.ClusterID, Store: n.state, Source: trustSource{n.model, n.pairings},
		Own: n.authority.Roots, Clock: n.opts.Clock, Logger: n.log})
	if err != nil {
		return err
	}
	if err := n.book.Follow(ctx); err != nil {
		return err
	}
	return n.book.Tidy(ctx)
}

// wireFederation connects what carries roots and revocations between data centers.
func (n *Node) wireFederation(ctx context.Context) (err error) {
	n.publisher, err = federation.OpenPublisher(ctx, federation.PublisherConfig{Publication: publication{n.authority}, Store: n.state, Clock: n.opts.Clock, Logger: n.log})
	if err != nil {
		return err
	}
	n.refresher, err = federation.NewRefresher(federation.RefresherConfig{Book: n.book, Partners: n.certified, Fetch: n.fetchTrust,
		Tidy: n.tidyTrust, Changed: n.reloadTrust, Leave: n.links.drop, Clock: n.opts.Clock, Logger: n.log})
	if err != nil {
		return err
	}
	n.rotation, err = federation.NewRotation(federation.RotationConfig{Authority: rotating{n}, Publisher: n.publisher, Partners: n.certified})
	return err
}

func (n *Node) tidyTrust(ctx context.Context) error {
	if err := n.book.Tidy(ctx); err != nil {
		return err
	}
	ids, err := n.model.partnerIDs(ctx)
	if err != nil {
		return err
	}
	return n.publisher.Forget(ctx, ids)
}

// publication is what this data center tells of its own trust.
type publication struct{ authority *ca.Authority }

var _ federation.Publication = publication{}

// Current gives bundle and revocation list, the latter where there is one.
func (p publication) Current(context.Context) (federation.Document, error) {
	list := p.authority.CRL() // first: what is told of the roots is then never older than what signed it
	bundle, sequence, err := p.authority.Bundle()
	if err != nil {
		return federation.Document{}, err
	}
	d := federation.Document{Sequence: sequence, Bundle: []byte(bundle)}
	issuer, err := p.authority.ListIssuer(list)
	if err != nil { // an external authority gave no list yet, or the one that is kept is another authority's: the roots are told all the same
		return d, nil //nolint:nilerr // CRL's own trouble is told where lists are asked for
	}
	d.Number, d.Lists = list.Number, []federation.List{{Issuer: issuer.Raw, List: list.DER}}
	return d, nil
}

// Changed is closed at the next change of either.
func (p publication) Changed() <-chan struct{} { return p.authority.Changed() }

// certified are the partners that prove themselves by certificates: none in mode open. A passphrase, which all partners may have, is
// no proof of who tells of roots that count in other modes too.
func (n *Node) certified(ctx context.Context) ([]mdc.Partner, error) {
	if n.modes.now() == mdc.ModeOpen {
		return nil, nil
	}
	return n.model.Partners(ctx)
}

// fetchTrust asks a partner. A link of mode open is refused at the far end, and here, where the mode may change meanwhile.
func (n *Node) fetchTrust(ctx context.Context, clusterID string, sequence, number uint64, wait time.Duration) (federation.Document, error) {
	d, err := n.askTrust(ctx, clusterID, sequence, number, wait)
	if mode := n.modes.now(); err == nil && mode == mdc.ModeOpen {
		return federation.Document{}, fault.New(fault.Conflict, passphrase.CodeModeMismatch, "%s is in mode %s now, in which nobody is believed about roots.", n.cfg.ClusterID, mode)
	}
	return d, err
}

func (n *Node) askTrust(ctx context.Context, clusterID string, sequence, number uint64, wait time.Duration) (federation.Document, error) {
	var out wire.PeerTrust
	query := url.Values{"after": {strconv.FormatUint(sequence, 10)}, "crl": {strconv.FormatUint(number, 10)}, "wait": {wait.String()}}
	err := n.links.do(ctx, clusterID, client.Request{Method: http.MethodGet, Path: "/peer/v1/trust", Query: query, Out: &out, Timeout: wait + 10*time.Second})
	if err != nil {
		return federation.Document{}, err
	}
	d := federation.Document{Sequence: out.Sequence, Bundle: out.Bundle, Number: out.Number}
	for _, l := range out.Lists {
		d.Lists = append(d.Lists, federation.List{Issuer: l.Issuer, List: l.List})
	}
	return d, nil
}

// rotating makes the steps of a rotation at the authority, and what goes with them at this node.
type rotating struct{ n *Node }

var _ federation.Authority = rotating{}

// Phase tells where the authority stands.
func (r rotating) Phase(ctx context.Context) (federation.Phase, error) {
	at := r.n.authority.Rotation()
	end, count, err := r.n.authority.LastFormer(ctx)
	return federation.Phase{Name: at.Phase, Since: at.Since, Sequence: at.Sequence, Last: end, Count: count}, err
}

// Step makes one step. ca.pem follows whatever came of it; a crash in between leaves that to the next start.
func (r rotating) Step(ctx context.Context, name string) (err error) {
	ctx = context.WithoutCancel(ctx)
	switch name {
	case federation.StepPublish:
		err = r.n.authority.Publish(ctx)
	case federation.StepCancel:
		err = r.n.authority.Cancel(ctx)
	case federation.StepSwitch:
		err = r.n.authority.Switch(ctx)
		r.n.links.drop() // later requests go out under the new leaf
	case federation.StepRetire:
		err = r.n.authority.Retire(ctx)
		r.n.reloadTrust() // callers under it, who were verified before, are refused too
	default:
		return fault.New(fault.Invalid, "invalid_input", "There is no step %.40q of a rotation.", name)
	}
	r.n.writeRoots()
	return err
}

func (n *Node) writeRoots() {
	if err := writeFile(n.cfg.CAFile(), []byte(n.authority.RootsPEM()), 0o644); err != nil {
		n.log.Error("the roots cannot be written; the next start tries again", "file", n.cfg.CAFile(), "error", err)
	}
}

// followRoots does what goes with a step of a rotation that another node made: ca.pem, connections under the former leaf, and callers under
// a retired root. What this node's own steps did is done once more.
func (n *Node) followRoots(ctx context.Context) error {
	var was ca.Rotation // what came between the writing of ca.pem at the start and now is done once more
	for {
		changed := n.authority.Changed()
		if now := n.authority.Rotation(); now.Phase != was.Phase || now.Sequence != was.Sequence {
			was = now
			n.writeRoots()
			n.links.drop()
			n.reloadTrust()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

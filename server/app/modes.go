package app

import (
	"context"
	"sync/atomic"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/cluster"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// modes knows which security mode is in force. It is the data center's own: neither a partner record nor anything in a request
// moves it (SEC-40).
type modes struct {
	model *model
	open  bool // the node's file allows mode open
	last  atomic.Pointer[string]
}

// now gives the mode in force. Mode open that the node's file does not allow, as after a change of the file, counts as cert; so does
// a store that cannot be read before it could once.
func (m *modes) now() string {
	d, err := m.model.DataCenter(context.Background())
	if err != nil {
		if last := m.last.Load(); last != nil {
			return *last
		}
		return mdc.ModeCert
	}
	mode := d.SecurityMode
	if mode == mdc.ModeOpen && !m.open {
		mode = mdc.ModeCert
	}
	m.last.Store(&mode)
	return mode
}

// wireModes makes what proves passphrases.
func (n *Node) wireModes(ctx context.Context) (err error) {
	n.modes = &modes{model: n.model, open: n.cfg.AllowOpen}
	n.passphrases = passphrase.NewKeys(n.key, n.cfg.ClusterID)
	if n.gate, err = passphrase.NewGate(ctx, n.cfg.ClusterID, n.state, n.passphrases, n.model, n.opts.Clock); err != nil {
		return err
	}
	n.pairings, err = passphrase.NewPairings(passphrase.PairingsConfig{ClusterID: n.cfg.ClusterID, Store: n.state, Keys: n.passphrases, Directory: n.model,
		Mode: n.modes.now, Bundle: n.authority.BundleJSON, Dial: n.pairDial, Pinned: n.pinned, Clock: n.opts.Clock, Logger: n.log,
		Audit: func(tx store.Writer, action, target string) error {
			return n.acts.Append(tx, audit.Event{Actor: "system:pairing", Action: action, Target: target})
		}})
	n.reportMode()
	return err
}

// pinned believes what a pairing brought, at once.
func (n *Node) pinned() {
	n.reloadTrust()
	n.partners.Refresh()
	n.fetcher.Retry()
}

// modeChanged follows what was declared: it wakes the pairings, and says whether another mode is in force now. Connections of the former
// one are of no use any more, since each request is judged by the mode of its moment.
func (n *Node) modeChanged() bool {
	n.pairings.Kick()
	return n.reportMode()
}

// reportMode says in the log which mode is in force, when that is another one than it told last, and what is wrong with it.
func (n *Node) reportMode() (changed bool) {
	mode := n.modes.now()
	if was := n.reported.Swap(&mode); was != nil && *was == mode {
		return false
	}
	if mode == mdc.ModeOpen {
		n.log.Warn("security mode open: the peer listener has no TLS, and whoever reads along reads the configuration and sessions", "security_mode", mode)
	} else {
		n.log.Info("security mode", "security_mode", mode)
	}
	if d, err := n.model.DataCenter(context.Background()); err == nil && d.SecurityMode != mode {
		n.log.Error("security mode open is declared and this node's file does not allow it: the peer listener stays in mode cert", "declared", d.SecurityMode)
	}
	return true
}

// modeGuard refuses mode open where the node's file does not allow it (OAM-41, MSS-06: where the administration is under TLS the
// links between data centers are too, unless somebody with access to the machine says otherwise), and records each change of the mode.
func (n *Node) modeGuard(tx *journal.Tx, was, will mdc.Object) error {
	d, ok := will.(*mdc.DataCenter)
	if !ok || d == nil {
		return nil
	}
	if d.SecurityMode == mdc.ModeOpen && n.shared() {
		others, err := cluster.AliveIn(tx.Writer(), n.members.Self().ID)
		if err == nil {
			err = n.aloneInOpen(others)
		}
		if err != nil {
			return err
		}
	}
	if d.SecurityMode == mdc.ModeOpen && !n.cfg.AllowOpen {
		f := fault.New(fault.Conflict, "open_not_allowed", "Mode open, without TLS between the data centers, is refused: the file of this node does not allow it. Use simple or cert; or, in a network that nobody else can read, write allow_open = true into the file and start the node again.")
		f.Fields = []fault.Field{{Pointer: "/security_mode", Detail: "open needs allow_open = true in the node's file"}}
		return f
	}
	from := mdc.ModeCert
	if o, ok := was.(*mdc.DataCenter); ok && o != nil {
		from = o.SecurityMode
	}
	if from == d.SecurityMode {
		return nil
	}
	return n.acts.Append(tx.Writer(), audit.Event{Actor: "system:mode", Action: "security_mode " + from + " to " + d.SecurityMode, Target: "data_center/" + n.cfg.ClusterID})
}

// partnerModeGuard refuses a partner whose record asks for another mode than the data center's, and drops what a pairing left with a
// partner that goes.
func (n *Node) partnerModeGuard(tx *journal.Tx, was, will mdc.Object) error {
	if gone, ok := was.(*mdc.Partner); ok && gone != nil && will == nil {
		return passphrase.Forget(tx, gone.ClusterID)
	}
	p, ok := will.(*mdc.Partner)
	if !ok || p == nil {
		return nil
	}
	d, err := tx.DataCenter()
	if err != nil || p.InMode(d.SecurityMode) {
		return err
	}
	f := fault.New(fault.Conflict, passphrase.CodeModeMismatch, "%s is in mode %s and the partner %s is to be registered with %s. The mode is the data center's, and both sides must have the same: leave security_mode out, or declare security_mode = %q for the data center first.",
		n.cfg.ClusterID, d.SecurityMode, p.ClusterID, p.SecurityMode, p.SecurityMode)
	f.Fields = []fault.Field{{Pointer: "/security_mode", Detail: fmtMode(d.SecurityMode)}}
	return f
}

func fmtMode(mode string) string { return "is not " + mode + ", the mode of this data center" }

// trustSource is what is declared and what pairings pinned.
type trustSource struct {
	*model
	pairings *passphrase.Pairings
}

// TrustedCertificates gives both.
func (s trustSource) TrustedCertificates(ctx context.Context) ([]mdc.TrustedCertificate, error) {
	declared, err := s.model.TrustedCertificates(ctx)
	if err != nil {
		return nil, err
	}
	pinned, err := s.pairings.Trusted(ctx)
	return append(declared, pinned...), err
}

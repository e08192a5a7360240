package topology

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Severities of a finding.
const (
	SeverityError   = "error"   // something does not work, or will not when it is needed
	SeverityWarning = "warning" // works now; look at it soon
)

const (
	expirySoon  = 30 * 24 * time.Hour
	skewWarning = time.Second
	maxFindings = 1000
)

// Finding is one thing that is not as it should be.
type Finding struct {
	Code     string // stable
	Severity string
	Subject  string // "partner LDC", "user alice", …
	Detail   string
	Hint     string // what to do
}

// ValidatorConfig wires a Validator.
type ValidatorConfig struct {
	Log        *journal.Log
	ClusterID  string
	Version    string
	Hello      func(ctx context.Context, clusterID string) (Hello, error) // Link.Hello
	Agreements *Agreements
	Roots      func() []*x509.Certificate          // this data center's own
	Own        func() []Certificate                // its issuing certificate and leaves; nil = none are watched
	State      func(clusterID string) PartnerState // Partners.State; nil = what partners show is not watched
	Clock      clock.Clock
	Modes      Modes                             // nil = mode cert alone
	HasBlob    func(sha256 string) (bool, error) // whether a package's content is in this data center
	// AskEdges has a partner tell its own edges; nil = nobody is asked.
	AskEdges func(ctx context.Context, clusterID string) ([]Edge, error)
	// Domains says what the security domains hold here, AskDomains what they hold at a partner; nil = they are not compared.
	Domains    func(ctx context.Context) (journal.Domains, error)
	AskDomains func(ctx context.Context, clusterID string) (journal.Domains, error)
	// Stores probes the identity stores of this data center; nil = there are none. AskStores has a partner tell its own; nil =
	// nobody is asked.
	Stores    func(ctx context.Context) ([]Store, error)
	AskStores func(ctx context.Context, clusterID string) ([]Store, error)
	// Majority is Mastership.Majority; nil = nobody asks for a majority here.
	Majority func(ctx context.Context) (state, reason string, err error)
	// Audit writes the audit record of a repair in the repair's own transaction.
	Audit func(tx store.Writer, actor Actor, action, target string) error
}

// Validator looks at the whole configuration and at each edge from this data center to another (OAM-56).
type Validator struct{ c ValidatorConfig }

// NewValidator refuses bad wiring.
func NewValidator(c ValidatorConfig) (*Validator, error) {
	if c.Log == nil || c.Hello == nil || c.Agreements == nil || c.Roots == nil || c.Clock == nil || c.HasBlob == nil || c.Audit == nil || !mdc.ValidClusterID(c.ClusterID) {
		return nil, errors.New("new validator: log, hello, agreements, roots, clock, blobs, audit and cluster id are needed")
	}
	return &Validator{c}, nil
}

// Check gives what is wrong, worst parts first by their order of making: objects, certificates, edges, agreements. It
// changes nothing. At most a thousand findings.
func (v *Validator) Check(ctx context.Context) ([]Finding, error) {
	r := &report{v: v}
	steps := []func(context.Context) error{r.objects, r.contents, r.certificates, r.passphrases, r.edges, r.others, r.stores, r.domains, r.agreements, r.majority}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("validate: %w", err)
		}
	}
	return r.findings[:min(len(r.findings), maxFindings)], nil
}

// Repair writes defaults that stored objects lack, as after an upgrade that added fields: local objects anywhere,
// replicated ones unless this is a clone. It gives the names of what it wrote.
func (v *Validator) Repair(ctx context.Context, actor Actor) (repaired []string, err error) {
	err = v.c.Log.Update(ctx, func(tx *journal.Tx) error {
		repaired = nil
		d, err := tx.DataCenter()
		if err != nil {
			return err
		}
		type gap struct {
			kind mdc.Kind
			o    mdc.Object
		}
		var gaps []gap
		err = eachObject(&tx.Snapshot, func(kind mdc.Kind, _ string, o mdc.Object, body []byte) error {
			if kind.Scope == mdc.Replicated && !d.Writable() || len(gaps) == maxFindings {
				return nil
			}
			if full, err := mdc.Encode(o); err != nil || bytes.Equal(full, body) || len(o.Validate()) > 0 {
				return err
			}
			gaps = append(gaps, gap{kind, o})
			return nil
		})
		if err != nil {
			return err
		}
		for _, g := range gaps {
			name := g.kind.Name + "/" + g.o.ObjectName()
			if err := tx.Put(g.kind, g.o, actor.Name); err != nil {
				return err
			}
			if err := v.c.Audit(tx.Writer(), actor, journal.Put, name); err != nil {
				return err
			}
			repaired = append(repaired, name)
		}
		return nil
	})
	return repaired, err
}

// eachObject visits every object that is stored, but for those that are secret as a whole.
func eachObject(s *journal.Snapshot, visit func(kind mdc.Kind, key string, o mdc.Object, body []byte) error) error {
	for _, kind := range mdc.Kinds() {
		if kind.Secret {
			continue
		}
		err := s.Range(kind, "", func(key string, body []byte) error {
			o, err := kind.Decode(body)
			if err != nil {
				return err
			}
			return visit(kind, key, o, body)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// report collects findings.
type report struct {
	v        *Validator
	findings []Finding
}

func (r *report) add(severity, code, subject, detail, hint string) {
	r.findings = append(r.findings, Finding{code, severity, subject, detail, hint})
}

// objects looks at each object by itself and at what it refers to.
func (r *report) objects(ctx context.Context) error {
	return r.v.c.Log.View(ctx, func(s *journal.Snapshot) error {
		return eachObject(s, func(kind mdc.Kind, key string, o mdc.Object, body []byte) error {
			subject := kind.Name + " " + key
			if len(r.findings) >= maxFindings {
				return nil
			}
			if fields := o.Validate(); len(fields) > 0 {
				r.add(SeverityError, "invalid_object", subject, fields[0].Pointer+" "+fields[0].Detail, "Write the object again with a valid value.")
			} else if full, err := mdc.Encode(o); err != nil {
				return err
			} else if !bytes.Equal(full, body) {
				r.add(SeverityWarning, "missing_default", subject, "It was written by an older version and lacks fields that have defaults now.", "POST /v1/validate, or concord validate --repair, writes them.")
			}
			return r.references(s, subject, o)
		})
	})
}

// contents looks for packages whose content is not here.
func (r *report) contents(ctx context.Context) error {
	return r.v.c.Log.View(ctx, func(s *journal.Snapshot) error {
		return s.Range(mdc.PackageKind(), "", func(key string, body []byte) error {
			o, err := mdc.PackageKind().Decode(body)
			if err != nil {
				return err
			}
			p, _ := o.(*mdc.Package)
			here, err := r.v.c.HasBlob(p.SHA256)
			if err == nil && !here {
				r.add(SeverityWarning, "blob_missing", "package "+key, fmt.Sprintf("Its content %s is not in this data center, so it cannot be fetched here.", p.SHA256),
					"It comes by itself from a data center that this one replicates with: see concord replication status. If none has it, upload it again at the master.")
			}
			return err
		})
	})
}

func (r *report) references(s *journal.Snapshot, subject string, o mdc.Object) error {
	for _, ref := range o.References() {
		kind, ok := mdc.KindByName(ref.Kind)
		if !ok || kind.Singleton {
			continue
		}
		_, found, err := s.Body(kind, ref.Name)
		if err != nil {
			return err
		}
		if !found {
			r.add(SeverityError, "dangling_reference", subject, fmt.Sprintf("%s names the %s %q, which does not exist.", ref.Pointer, ref.Kind, ref.Name), "Create it, or name another one.")
		}
	}
	return nil
}

// agreements looks at the agreements of both sides.
func (r *report) agreements(ctx context.Context) error {
	views, err := r.v.c.Agreements.List(ctx)
	if err != nil {
		return err
	}
	follows := false
	for _, v := range views {
		subject := "replication_agreement " + v.Identifier
		follows = follows || v.Side == mdc.SideClone
		switch v.State {
		case mdc.AgreementStopped, mdc.AgreementStale:
			r.add(SeverityError, "agreement_"+v.State, subject, fmt.Sprintf("%s does not follow %s.", v.Target, v.Source), "GET /v1/replication/status, or concord replication status, says why.")
		case mdc.AgreementDisabled, mdc.AgreementBootstrapping:
			r.add(SeverityWarning, "agreement_"+v.State, subject, fmt.Sprintf("%s does not follow %s now.", v.Target, v.Source), "Enable it, or wait for its first copy.")
		}
	}
	return r.v.c.Log.View(ctx, func(s *journal.Snapshot) error {
		d, err := s.DataCenter()
		if err != nil {
			return err
		}
		edits, err := s.EditCount()
		if err != nil {
			return err
		}
		if edits > 0 {
			r.add(SeverityWarning, "clone_diverged", "data_center "+r.v.c.ClusterID, fmt.Sprintf("%s changed on this clone and differ%s from its master's.", objects(edits), map[bool]string{true: "s"}[edits == 1]), "Make these changes on the master, or discard them: concord replication divergences.")
		}
		if d.Role == mdc.RoleClone && !follows {
			r.add(SeverityWarning, "clone_without_master", "data_center "+r.v.c.ClusterID, "It is a clone and follows nobody.", "Create a replication agreement at its master.")
		}
		return nil
	})
}

// edges asks every partner who it is. Edges between two others are looked at by those.
func (r *report) edges(ctx context.Context) error {
	partners, own, trusted, err := r.v.registered(ctx)
	var views []View
	if err == nil {
		views, err = r.v.c.Agreements.List(ctx)
	}
	for _, p := range partners {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if own.SecurityMode == mdc.ModeCert && !trusted[""] && !trusted[mdc.FoldName(p.ClusterID)] {
			r.add(SeverityError, "no_trust", "partner "+p.ClusterID, "No trusted certificate is declared for it.", "Declare its root: concord_trusted_certificate, with what concord_trust_bundle of "+p.ClusterID+" gives.")
			continue
		}
		r.edge(ctx, own, p, views)
	}
	return err
}

func (r *report) edge(ctx context.Context, own *mdc.DataCenter, p *mdc.Partner, views []View) {
	subject := "partner " + p.ClusterID
	if m := mode(own, p, ""); !m.Pass {
		r.add(SeverityError, "mode_mismatch", subject, m.Detail, "Declare one security_mode everywhere.")
	}
	asking, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	sent := r.v.c.Clock.Now()
	h, err := r.v.c.Hello(asking, p.ClusterID)
	now := r.v.c.Clock.Now()
	switch {
	case fault.Is(err, fault.Forbidden), fault.Is(err, fault.Unauthenticated):
		r.add(SeverityError, "not_mutual", subject, fmt.Sprintf("%s and %s do not accept each other: %s.", r.v.c.ClusterID, p.ClusterID, strings.TrimSuffix(safe(err), ".")), fmt.Sprintf("Each must be registered as a partner of the other, with its root trusted: test with concord partner test %s.", p.ClusterID))
	case err != nil:
		r.add(SeverityError, "partner_unreachable", subject, sentence(safe(err)), "Test with concord partner test "+p.ClusterID+".")
	case !mdc.SameName(h.ClusterID, p.ClusterID):
		r.add(SeverityError, "wrong_cluster", subject, fmt.Sprintf("At its addresses answers %s.", h.ClusterID), "Correct the partner's addresses.")
	default:
		r.met(own, p, h, views, h.Time.Sub(sent.Add(now.Sub(sent)/2)))
	}
}

// met judges what a partner said of itself.
func (r *report) met(own *mdc.DataCenter, p *mdc.Partner, h Hello, views []View, skew time.Duration) {
	subject := "partner " + p.ClusterID
	if m := mode(own, p, h.SecurityMode); p.InMode(own.SecurityMode) && !m.Pass {
		r.add(SeverityError, "mode_mismatch", subject, m.Detail, "Declare one security_mode everywhere.")
	}
	if h.AgentID != p.AgentID {
		r.add(SeverityError, "wrong_agent_id", subject, fmt.Sprintf("Its profile has the agent_id %q, it is registered here with %q.", h.AgentID, p.AgentID), "Register it with the agent_id of its profile.")
	}
	if own.Role == mdc.RoleMaster && h.Role == mdc.RoleMaster {
		r.add(SeverityError, "second_master", subject, fmt.Sprintf("%s and %s are both masters.", r.v.c.ClusterID, p.ClusterID), "A topology has one master; demote the other.")
	}
	if own.Role == mdc.RoleMaster && h.Role == mdc.RoleClone {
		r.clone(p, h, views)
	}
	if linked := own.Role != mdc.RoleStandalone && h.Role != mdc.RoleStandalone; linked && h.WriteRequires != "" && h.WriteRequires != own.WriteRequires {
		r.add(SeverityWarning, "write_requires_differs", subject, fmt.Sprintf("It has write_requires = %q, %s has %q: after a promotion other changes are acknowledged than before.", h.WriteRequires, r.v.c.ClusterID, own.WriteRequires), "Declare one write_requires in every data center.")
	}
	r.versions(own, p, h)
	if skew = skew.Round(time.Millisecond); skew.Abs() > maxSkew {
		r.add(SeverityError, "clock_skew", subject, fmt.Sprintf("Its clock is %s away.", skew), "Synchronise both with a time server.")
	} else if skew.Abs() > skewWarning {
		r.add(SeverityWarning, "clock_skew", subject, fmt.Sprintf("Its clock is %s away.", skew), "Synchronise both with a time server.")
	}
	watched := len(r.v.shown(p.ClusterID)) > 0 // then the look at all certificates tells
	if !watched && !h.CertificateExpiresAt.IsZero() && !r.v.c.Clock.Now().Before(h.CertificateExpiresAt) {
		r.add(SeverityError, "certificate_expired", subject, "The certificate that it shows has expired.", "See in its log why it is not renewed.")
	}
}

func (r *report) clone(p *mdc.Partner, h Hello, views []View) {
	if !h.AllowManagement {
		r.add(SeverityWarning, "management_not_allowed", "partner "+p.ClusterID, "Its profile does not allow management.", "Set allow_management = true on "+p.ClusterID+".")
	}
	if h.Edits > 0 {
		r.add(SeverityWarning, "clone_diverged", "partner "+p.ClusterID, fmt.Sprintf("%s changed on %s and differ%s from the master's.", objects(h.Edits), p.ClusterID, map[bool]string{true: "s"}[h.Edits == 1]),
			"See them there: concord replication divergences, with the endpoint of "+p.ClusterID+". Make these changes here, or discard them there.")
	}
	for _, v := range views {
		if mdc.SameName(v.Target, p.ClusterID) {
			return
		}
	}
	r.add(SeverityWarning, "no_agreement", "partner "+p.ClusterID, "It is a clone, but there is no replication agreement with it.", "Create one here: concord_replication_agreement.")
}

// sentence makes one of what a message says.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[size:], ".") + "."
}

// objects counts in words.
func objects(n int) string {
	if n == 1 {
		return "1 object was"
	}
	return fmt.Sprintf("%d objects were", n)
}

// versions checks that the two work together, and the order to upgrade in: clones before their master, because a clone
// stops at a record that it does not know.
func (r *report) versions(own *mdc.DataCenter, p *mdc.Partner, h Hello) {
	gap, known := VersionGap(r.v.c.Version, h.Version)
	both := fmt.Sprintf("%s runs %s, %s runs %s.", r.v.c.ClusterID, r.v.c.Version, p.ClusterID, h.Version)
	switch {
	case !known || gap == 0:
	case gap < -1 || gap > 1:
		r.add(SeverityError, "version_gap", "partner "+p.ClusterID, both+" Only neighbouring versions work together.", "Upgrade the older one step by step.")
	case own.Role == mdc.RoleMaster && gap < 0:
		r.add(SeverityWarning, "upgrade_order", "partner "+p.ClusterID, both+" The master is newer than a data center that follows it.", "Upgrade "+p.ClusterID+" now; upgrade clones before their master.")
	case own.Role == mdc.RoleClone && h.Role == mdc.RoleMaster && gap > 0:
		r.add(SeverityWarning, "upgrade_order", "partner "+p.ClusterID, both+" The master is newer than this clone.", "Upgrade "+r.v.c.ClusterID+" now; upgrade clones before their master.")
	}
}

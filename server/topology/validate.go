package topology

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
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

// eachOf visits every stored object of one kind.
func eachOf[T mdc.Object](s *journal.Snapshot, kind mdc.Kind, visit func(T)) error {
	return s.Range(kind, "", func(_ string, body []byte) error {
		o, err := kind.Decode(body)
		if err != nil {
			return err
		}
		as, err := mdc.As[T](o)
		if err == nil {
			visit(as)
		}
		return err
	})
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

// objects counts in words.
func objects(n int) string {
	if n == 1 {
		return "1 object was"
	}
	return fmt.Sprintf("%d objects were", n)
}

package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
)

// auditPrune is how often the chains are brought within their bounds.
const auditPrune = 10 * time.Minute

// openAudit makes both chains. What signs them comes from the node's key, which is not in the database.
func (n *Node) openAudit(context.Context) error {
	m := hmac.New(sha256.New, n.key.key)
	m.Write([]byte("concord audit chain"))
	c := audit.Config{ClusterID: n.cfg.ClusterID, NodeName: n.cfg.NodeName, Chain: audit.Acts, Key: m.Sum(nil), Clock: n.opts.Clock}
	n.acts = audit.Open(c)
	c.Chain = audit.Runtime
	n.trail = audit.Trail{Acts: n.acts, Runtime: audit.Open(c), ActsStore: n.state, RuntimeStore: n.sessions}
	var err error
	n.events, err = audit.NewRecorder(audit.RecorderConfig{Log: n.trail.Runtime, Store: n.sessions, Clock: n.opts.Clock, Logger: n.log,
		Decisions: audit.Decisions{Keep: n.cfg.Audit.Decisions, Sample: n.cfg.Audit.Sample}})
	return err
}

// actEvent is an administrator's act.
func actEvent(actor configuration.Actor, action, target string) audit.Event {
	return audit.Event{Actor: actor.Name, Action: action, Target: target, RequestID: actor.RequestID, Address: actor.Address}
}

// examineRuntime looks once at the chain of runtime events. The start does not wait for it, and goes on without it: people's
// sign-ons do not depend on what was recorded of earlier ones.
func (n *Node) examineRuntime(ctx context.Context) error {
	_, err := n.trail.Runtime.Examine(ctx, n.sessions)
	if broken, ok := errors.AsType[*audit.Broken](err); ok {
		n.log.Error("the audit of runtime events was changed or lost records; concord audit verify says more", "chain", broken.Chain, "record", broken.Sequence, "reason", broken.Why)
	} else if err != nil && ctx.Err() == nil {
		n.log.Warn("the audit of runtime events cannot be verified", "error", err)
	}
	return nil
}

// retainAudit keeps both chains within what the node's file says, until ctx ends.
func (n *Node) retainAudit(ctx context.Context) error {
	keep := audit.Retention{KeepRecords: n.cfg.Audit.KeepRecords, KeepFor: n.cfg.Audit.KeepFor}
	tick := time.NewTicker(auditPrune)
	defer tick.Stop()
	for {
		acts, err := n.acts.Prune(ctx, n.state, keep)
		runtime, more := n.trail.Runtime.Prune(ctx, n.sessions, keep)
		if err = errors.Join(err, more); err != nil && ctx.Err() == nil {
			n.log.Error("the audit cannot be pruned", "error", err)
		}
		if acts+runtime > 0 {
			n.log.Info("audit pruned", "acts", acts, "runtime", runtime)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// VerifyAudit examines both chains of a node that is stopped. A chain that is broken is no error.
func VerifyAudit(ctx context.Context, cfg *config.Node, opts Options) (out wire.AuditVerification, err error) {
	if !hasState(cfg) {
		return out, fault.New(fault.NotFound, "no_data", "There is no data of a node in %s. Does the file name the right data_dir?", cfg.DataDir)
	}
	n := &Node{cfg: cfg, opts: opts.normal()}
	n.log = n.opts.Logger
	defer func() { err = errors.Join(err, n.close()) }()
	for _, step := range []func(context.Context) error{n.openStores, n.openAudit} {
		if err := step(ctx); err != nil {
			return out, err
		}
	}
	out = wire.AuditVerification{ID: cfg.ClusterID, Result: wire.ResultPass}
	for _, k := range n.trail.Chains() {
		r, err := k.Log.Examine(ctx, k.Store)
		v, err := httpapi.AuditChain(k.Log.Chain(), r, err)
		if err != nil {
			return out, err
		}
		if v.Result != wire.ResultPass {
			out.Result = wire.ResultFail
		}
		out.Chains = append(out.Chains, v)
	}
	return out, nil
}

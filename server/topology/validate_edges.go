package topology

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

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
	text = string(unicode.ToUpper(first)) + text[size:]
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
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

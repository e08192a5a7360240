package topology

import (
	"context"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Modes tells a Validator what the declared objects alone do not.
type Modes interface {
	// InForce is the security mode of the peer listener, which is not the declared one where the node's file refuses that.
	InForce() string
	// Bits estimates the strength of a passphrase that is kept; ok is false when there is none.
	Bits(h mdc.PassphraseHolder, kind mdc.Kind) (bits float64, ok bool)
	// Unpaired says why roots were not exchanged with a partner of mode simple; "" when they were.
	Unpaired(ctx context.Context, clusterID string) string
	// Unproved says why the roots in use were exchanged under another passphrase than the one declared now; "" when they were not.
	Unproved(ctx context.Context, clusterID string) string
}

// passphrases looks at the security mode and at what it is proved by (OAM-41, MSS-06, MSS-07).
func (r *report) passphrases(ctx context.Context) error {
	if r.v.c.Modes == nil {
		return nil
	}
	var own *mdc.DataCenter
	var holders []holder
	err := r.v.c.Log.View(ctx, func(s *journal.Snapshot) (err error) {
		if own, err = s.DataCenter(); err != nil {
			return err
		}
		profile, err := s.Get(mdc.PartnerProfileKind(), mdc.SingletonName)
		if err != nil {
			return err
		}
		holders = append(holders, holder{mdc.PartnerProfileKind(), profile})
		return s.Range(mdc.PartnerKind(), "", func(_ string, body []byte) error {
			o, err := mdc.PartnerKind().Decode(body)
			holders = append(holders, holder{mdc.PartnerKind(), o})
			return err
		})
	})
	if err != nil {
		return err
	}
	r.mode(own)
	for _, h := range holders {
		r.passphrase(ctx, own, h)
	}
	return nil
}

type holder struct {
	kind mdc.Kind
	o    mdc.Object
}

func (r *report) mode(own *mdc.DataCenter) {
	subject := "data_center " + r.v.c.ClusterID
	inForce := r.v.c.Modes.InForce()
	if inForce != own.SecurityMode {
		r.add(SeverityError, "open_not_allowed", subject, fmt.Sprintf("Mode %s is declared and the node's file does not allow it, so the peer listener is in mode %s.", own.SecurityMode, inForce),
			"Declare security_mode = \"simple\" or \"cert\"; or write allow_open = true into the node's file and start it again.")
	}
	if inForce == mdc.ModeOpen {
		r.add(SeverityWarning, "mode_open", subject, "The links between the data centers have no TLS: messages cannot be changed on their way, and everybody there can read them.",
			"Declare security_mode = \"simple\" or \"cert\" in every data center.")
	}
}

func (r *report) passphrase(ctx context.Context, own *mdc.DataCenter, h holder) {
	shared, ok := h.o.(mdc.PassphraseHolder)
	if !ok || own.SecurityMode == mdc.ModeCert {
		return
	}
	subject := h.kind.Name + " " + h.kind.Key(h.o.ObjectName())
	bits, set := r.v.c.Modes.Bits(shared, h.kind)
	switch {
	case !set && h.kind.Name == mdc.PartnerProfileKind().Name:
		r.add(SeverityWarning, "no_passphrase", subject, "No passphrase is declared that callers could prove, and there is no default.", "Declare passphrase_wo there; concord trust passphrase makes one.")
	case !set && own.SecurityMode == mdc.ModeOpen:
		r.add(SeverityError, "no_passphrase", subject, "No passphrase is declared that could be proved to the partner, and there is no default.", "Declare passphrase_wo there: the one of the partner's profile.")
	case set && bits < mdc.StrongPassphrase:
		r.add(SeverityWarning, "weak_passphrase", subject, fmt.Sprintf("Its passphrase is worth about %.0f bits; who stood between the data centers once could try it at leisure.", bits),
			"Declare one of concord trust passphrase on both sides, with a new version.")
	}
	if p, ok := h.o.(*mdc.Partner); ok && own.SecurityMode == mdc.ModeSimple {
		if why := r.v.c.Modes.Unpaired(ctx, p.ClusterID); why != "" {
			r.add(SeverityError, "not_paired", subject, sentence(why), "Declare the same passphrase on both sides; test with concord partner test "+p.ClusterID+".")
		}
		if why := r.v.c.Modes.Unproved(ctx, p.ClusterID); why != "" {
			r.add(SeverityWarning, "passphrase_not_proved", subject, "The link works by roots that were exchanged under a former passphrase; the one that is declared now is not proved: "+why,
				"Declare the same passphrase on both sides, with a new version; test with concord partner test "+p.ClusterID+".")
		}
	}
}

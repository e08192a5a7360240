package cli

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// rotationPoll is how often a rotation that waits is looked at.
const rotationPoll = time.Second

func (p *program) trustBundle(t *target) *cobra.Command {
	return &cobra.Command{Use: "bundle", Short: "Show this data center's roots, and how far their rotation is", Args: usageArgs(cobra.NoArgs),
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			v, err := bundleOf(ctx, conn)
			if err != nil {
				return err
			}
			return p.printBundle(v, t.output)
		})}
}

func bundleOf(ctx context.Context, conn *connection) (v wire.TrustBundle, err error) {
	_, err = conn.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/trust/bundle", Out: &v})
	return v, err
}

func (p *program) printBundle(v wire.TrustBundle, output string) error {
	if output == "json" {
		return p.json(v)
	}
	r := v.Rotation
	roots := make([][]string, len(r.Roots))
	for i, root := range r.Roots {
		roots[i] = []string{short(root.FingerprintSHA256), root.Status, root.ExpiresAt.UTC().Format("2006-01-02")}
	}
	partners := make([][]string, len(r.Partners))
	for i, one := range r.Partners {
		partners[i] = []string{one.ClusterID, number(one.AcknowledgedSequence), yesNo(one.Current)}
	}
	return p.tables(
		section{[]string{"DATA CENTER", "SEQUENCE", "PHASE", "NEXT STEP", "READY"}, [][]string{{v.ID, number(v.Sequence), r.Phase, r.NextStep, yesNo(r.Ready)}}},
		section{[]string{"ROOT (SHA-256)", "STATUS", "EXPIRES"}, roots},
		section{[]string{"PARTNER", "HAS SEQUENCE", "CURRENT"}, partners})
}

// rotateFlags say what of a rotation is to be done.
type rotateFlags struct {
	step  string
	force bool
	all   bool
	wait  time.Duration
}

func (p *program) trustRotate(t *target) *cobra.Command {
	var f rotateFlags
	c := &cobra.Command{Use: "rotate", Short: "Replace this data center's root, step by step", Args: usageArgs(cobra.NoArgs),
		Long: "Makes the step of the rotation that is due: publish puts the next root into the bundle, switch lets\n" +
			"it issue, retire takes the former root away. A step is refused while a partner does not have the\n" +
			"bundle, or a certificate under the former root is still good; --force goes over their heads and\n" +
			"names those who are cut off. --all makes every step to the end, each as soon as it is ready, for\n" +
			"as long as --wait says. Before retire, whoever trusts a copy of ca.pem needs the new one.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			if f.all && (f.step != "" || f.force) {
				return usage("--all goes with neither --step nor --force: each step waits until it cuts nobody off")
			}
			if f.all {
				return p.rotateAll(ctx, conn, f.wait, t.output)
			}
			if f.wait > 0 {
				if err := untilStepIsReady(ctx, conn, time.Now().Add(f.wait)); err != nil {
					return err
				}
			}
			return p.rotateStep(ctx, conn, f.step, f.force, t.output)
		})}
	c.Flags().StringVar(&f.step, "step", "", "`STEP` to make: publish, switch, retire or cancel (default the one that is due)")
	c.Flags().BoolVar(&f.force, "force", false, "make it although partners or certificates are cut off")
	c.Flags().BoolVar(&f.all, "all", false, "make all steps to the end")
	c.Flags().DurationVar(&f.wait, "wait", 0, "wait up to `TIME` until a step is ready (with --all 10m unless given)")
	return c
}

// rotateAll makes what is left of a rotation; one that has not begun begins. It may be repeated after a failure.
func (p *program) rotateAll(ctx context.Context, conn *connection, wait time.Duration, output string) error {
	if wait == 0 {
		wait = 10 * time.Minute
	}
	end := time.Now().Add(wait)
	for {
		if err := untilStepIsReady(ctx, conn, end); err != nil {
			return err
		}
		v, err := bundleOf(ctx, conn)
		if err != nil {
			return err
		}
		if err := p.rotateStep(ctx, conn, v.Rotation.NextStep, false, output); err != nil || v.Rotation.NextStep == "retire" {
			return err
		}
	}
}

// untilStepIsReady waits until the step that is due cuts nobody off.
func untilStepIsReady(ctx context.Context, conn *connection, end time.Time) error {
	tick := time.NewTicker(rotationPoll)
	defer tick.Stop()
	for {
		v, err := bundleOf(ctx, conn)
		if err != nil || v.Rotation.Ready {
			return err
		}
		if time.Now().After(end) {
			return checkError{v.ID + ": " + v.Rotation.NextStep + " is not ready: " + strings.Join(whyNotReady(v.Rotation), "; ")}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func whyNotReady(r wire.RootRotation) (out []string) {
	if len(r.WaitingFor) > 0 {
		out = append(out, "no bundle yet at "+strings.Join(r.WaitingFor, ", "))
	}
	if r.FormerCertificates > 0 {
		out = append(out, strconv.Itoa(r.FormerCertificates)+" certificates under the former root, until "+moment(r.MayRetireAt))
	}
	return out
}

func (p *program) rotateStep(ctx context.Context, conn *connection, step string, force bool, output string) error {
	var v wire.RotateOutcome
	if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/trust/bundle/rotate", In: wire.Rotate{Step: step, Force: force}, Out: &v}); err != nil {
		return err
	}
	if output == "json" {
		return p.json(v)
	}
	cut := "nobody"
	if len(v.CutOff) > 0 {
		cut = strings.Join(v.CutOff, ", ")
	}
	return p.table([]string{"DATA CENTER", "STEP", "PHASE", "SEQUENCE", "CUT OFF", "CERTIFICATES ENDED"},
		[][]string{{v.Bundle.ID, v.Step, v.Bundle.Rotation.Phase, number(v.Bundle.Sequence), cut, strconv.Itoa(v.Ended)}})
}

package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/spf13/cobra"
)

// How long `concord dev` may take: until dev.json names a data center, and until that is ready, since a first start makes
// keys and certificates.
const (
	layoutPatience = 10 * time.Second
	devPatience    = time.Minute
)

func (p *program) devEnv() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "env [ID]", Short: "Wait until a data center of `concord dev` is ready, and print what to export", Args: usageArgs(cobra.MaximumNArgs(1)),
		Long: "Waits until the data center ID (the first one if it is not named) that `concord dev` runs below\n" +
			"DIR is ready, for a minute at most, and prints what Terraform and the operator's verbs need: eval\n" +
			"\"$(concord dev env --dir DIR)\"",
		RunE: func(c *cobra.Command, args []string) error {
			if dir == "" {
				return usage("which one? give --dir DIR, as it was given to concord dev")
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			dc, err := devCenter(ctx, dir, strings.Join(args, ""))
			if err != nil {
				return err
			}
			if err := untilReady(ctx, dc); err != nil {
				return fmt.Errorf("%w; does concord dev still run? What it wrote says why %s is not ready", err, dc.ClusterID)
			}
			_, err = fmt.Fprint(p.stdout, devExports(dc))
			return err
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "`DIR` that was given to concord dev")
	return c
}

// devCenter finds a data center in DIR/dev.json, which may be about to be written.
func devCenter(ctx context.Context, dir, id string) (config.DevDataCenter, error) {
	var found config.DevDataCenter
	err := patiently(ctx, layoutPatience, func(context.Context) error {
		d, err := config.ReadDev(dir)
		if err != nil {
			return fmt.Errorf("is concord dev running there? %w", err)
		}
		for _, dc := range d.DataCenters {
			if id == "" || strings.EqualFold(dc.ClusterID, id) {
				found = dc
				return nil
			}
		}
		return fmt.Errorf("%s has no data center %q", dir, id)
	})
	return found, err
}

// untilReady waits until the data center answers its own administrator and says that it is ready.
func untilReady(ctx context.Context, dc config.DevDataCenter) error {
	p := &program{getenv: func(string) string { return "" }} // nothing of the caller's environment counts here
	return patiently(ctx, devPatience, func(ctx context.Context) error {
		conn, err := p.connect(target{endpoint: dc.AdminURL, tokenFile: dc.TokenFile, caFile: dc.CACertFile, output: "table"})
		if err != nil {
			return err
		}
		defer conn.leave()
		h, err := conn.ready(ctx)
		if err == nil && h.Status != "ready" {
			err = fmt.Errorf("%s is not ready: %s", dc.ClusterID, strings.Join(h.Reasons, ", "))
		}
		return err
	})
}

// patiently asks again until there is no error, for limit at most.
func patiently(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return fmt.Errorf("not ready in time: %w", err)
		}
	}
}

// devExports is for a POSIX shell. The token is read when the shell evaluates it, so that it is on nobody's screen.
func devExports(dc config.DevDataCenter) string {
	return fmt.Sprintf("export CONCORD_ENDPOINT=%s\nexport CONCORD_CACERT=%s\nexport CONCORD_TOKEN=\"$(cat %s)\"\n",
		dc.AdminURL, quoted(dc.CACertFile), quoted(dc.TokenFile))
}

// quoted is s as one word of a POSIX shell.
func quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-+:@%,", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

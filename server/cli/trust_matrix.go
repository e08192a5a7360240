package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func (p *program) trustMatrix(t *target) *cobra.Command {
	return &cobra.Command{Use: "matrix", Short: "Show every edge between data centers, and why one does not work", Args: usageArgs(cobra.NoArgs),
		Long: "Shows the trust between the data center at the endpoint and its partners in both directions, and\n" +
			"among the partners as far as they answer for themselves. Exit code 3 says that an edge is broken.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			var v wire.TrustMatrix
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/trust/matrix", Out: &v, Timeout: validateTime}); err != nil {
				return err
			}
			if err := p.printMatrix(v, t.output); err != nil || v.Sound {
				return err
			}
			return checkError{v.ID + ": an edge between data centers is broken"}
		})}
}

func (p *program) printMatrix(v wire.TrustMatrix, output string) error {
	if output == "json" {
		return p.json(v)
	}
	if len(v.Edges) == 0 {
		_, err := fmt.Fprintln(p.stdout, strings.Map(printable, v.ID)+" has no partner yet, so there is no edge")
		return err
	}
	rows, notes := make([][]string, len(v.Edges)), []note{}
	for i, e := range v.Edges {
		rows[i] = []string{e.From, e.To, e.Result, maybe(e.Reachable), maybe(e.Mutual), or(e.SecurityMode), day(e.ExpiresAt), or(e.AgreementState), or(e.Version)}
		if e.Reason != "" {
			notes = append(notes, note{e.From + " to " + e.To, []line{{"reason", e.Reason}}})
		}
	}
	if err := p.table([]string{"FROM", "TO", "RESULT", "REACHABLE", "MUTUAL", "MODE", "EXPIRES", "AGREEMENT", "VERSION"}, rows); err != nil {
		return err
	}
	return p.notes(notes...)
}

// day gives the date alone, so that the matrix fits into 80 columns; -o json has the moment.
func day(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}

func maybe(b *bool) string {
	if b == nil {
		return "-"
	}
	return yesNo(*b)
}

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

// validateTime leaves two seconds for each partner that does not answer.
const validateTime = 2 * time.Minute

func (p *program) validate() *cobra.Command {
	var t target
	var repair bool
	c := &cobra.Command{
		Use: "validate", Short: "Check the whole configuration and each edge to another data center", Args: usageArgs(cobra.NoArgs),
		Long: "Looks at every object, the certificates, the agreements, and each edge from the data center at the\n" +
			"endpoint: whether the partner answers and accepts it, versions and the order to upgrade in, clocks.\n" +
			"Ask each data center for its own edges. With --repair, fields that an older version did not write\n" +
			"get their defaults. Exit code 3 says that there is an error.",
	}
	c.RunE = p.with(&t, func(ctx context.Context, conn *connection, _ []string) error {
		method := http.MethodGet
		if repair {
			method = http.MethodPost
		}
		var v wire.Validation
		if _, err := conn.Do(ctx, client.Request{Method: method, Path: "/v1/validate", Out: &v, Timeout: validateTime}); err != nil {
			return err
		}
		if err := p.printValidation(v, t.output); err != nil || v.Result == wire.ResultPass {
			return err
		}
		return checkError{v.ID + ": the configuration has errors"}
	})
	c.Flags().BoolVar(&repair, "repair", false, "write defaults that stored objects lack")
	t.register(c)
	return c
}

func (p *program) printValidation(v wire.Validation, output string) error {
	if output == "json" {
		return p.json(v)
	}
	if len(v.Repaired) > 0 {
		if _, err := fmt.Fprintln(p.stdout, "repaired:", strings.Map(printable, strings.Join(v.Repaired, ", "))); err != nil {
			return err
		}
	}
	if len(v.Findings) == 0 {
		_, err := fmt.Fprintln(p.stdout, v.ID+": nothing to complain about")
		return err
	}
	rows, about := make([][]string, len(v.Findings)), make([]note, len(v.Findings))
	for i, f := range v.Findings {
		rows[i] = []string{f.Severity, f.Code, f.Subject}
		about[i] = note{f.Code + ", " + f.Subject, []line{{"finding", or(f.Detail)}, {"what to do", or(f.Hint)}}}
	}
	if err := p.table([]string{"SEVERITY", "CODE", "SUBJECT"}, rows); err != nil {
		return err
	}
	return p.notes(about...)
}

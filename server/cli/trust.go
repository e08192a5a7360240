package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func (p *program) trust() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use: "trust", Short: "Certificates: whom this data center believes, and what it issues", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	t.register(c)
	c.AddCommand(p.trustInspect(&t), p.trustImport(&t), p.trustRemove(&t), p.trustFingerprint(&t), p.trustMatrix(&t))
	c.AddCommand(p.trustList(&t), p.trustPassphrase(&t))
	c.AddCommand(p.trustCertificates(&t), p.trustIssue(&t), p.trustRenew(&t), p.trustRevoke(&t))
	c.AddCommand(p.trustToken(&t), p.trustEnroll(), p.trustJoin(&t))
	c.AddCommand(p.trustBundle(&t), p.trustRotate(&t))
	return c
}

func (p *program) trustList(t *target) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the trusted certificates", Args: usageArgs(cobra.NoArgs),
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			all, err := client.All[wire.TrustedCertificateView](ctx, conn.Client, "/v1/trust/certificates", nil)
			if err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(append([]wire.TrustedCertificateView{}, all...))
			}
			return p.table(trustHead(), trustRows(all))
		})}
}

func trustHead() []string {
	return []string{"NAME", "PARTNER", "KIND", "ISSUED TO", "EXPIRES", "SHA-256"}
}

// trustRows gives a row for each certificate; a name stands at its first.
func trustRows(all []wire.TrustedCertificateView) (rows [][]string) {
	for _, v := range all {
		name, partner := v.Name, or(v.Partner)
		if v.Partner == "" {
			partner = "all"
		}
		for _, c := range v.Certificates {
			rows = append(rows, []string{name, partner, c.Kind, c.IssuedTo, c.ExpiresAt.UTC().Format("2006-01-02"), c.FingerprintSHA256[:16]})
			name, partner = "", ""
		}
	}
	return rows
}

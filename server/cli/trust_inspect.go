package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func (p *program) trustInspect(t *target) *cobra.Command {
	var bundle bool
	c := &cobra.Command{Use: "inspect HOST:PORT", Short: "Show what a remote server presents, with fingerprints; trusts nothing", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Has the data center at the endpoint connect to any TLS server, and shows what that presents: its\n" +
			"certificates with fingerprints, and whether they lead to something that is trusted here. It is\n" +
			"the data center that connects, because it is the one that has to reach the server. Compare a\n" +
			"fingerprint over another channel before you import by it.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			v, err := conn.inspect(ctx, args[0], bundle)
			if err != nil {
				return err
			}
			return p.printInspection(v, t.output)
		})}
	c.Flags().BoolVar(&bundle, "bundle", false, "ask it for its roots too, as a peer listener")
	return c
}

func (c *connection) inspect(ctx context.Context, address string, bundle bool) (v wire.TrustInspection, err error) {
	_, err = c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/trust/inspect", In: wire.TrustInspect{Address: address, Bundle: bundle}, Out: &v})
	return v, err
}

func (p *program) printInspection(v wire.TrustInspection, output string) error {
	if output == "json" {
		return p.json(v)
	}
	if _, err := fmt.Fprintln(p.stdout, strings.Map(printable, fmt.Sprintf("%s (%s) speaks %s and presents:", v.ID, v.RemoteAddress, v.TLSVersion))); err != nil {
		return err
	}
	notes := aboutRemote("certificate", v.Certificates)
	notes = append(notes, aboutRemote("root in its bundle", v.Bundle)...)
	verdict := []line{{"partner", or(v.Partner)}}
	if v.Reason != "" {
		verdict = append(verdict, line{"reason", v.Reason})
	}
	for _, a := range v.LeadsTo {
		verdict = append(verdict, line{"leads to", a.Name + ", trusted for " + forWhom(a.Partner)})
	}
	return p.notes(append(notes, note{"Whom it would be taken for here", verdict})...)
}

func aboutRemote(what string, all []wire.RemoteCertificate) (notes []note) {
	for i, c := range all {
		lines := []line{{"kind", c.Kind}, {"issued to", or(c.IssuedTo)}, {"issued by", or(c.IssuedBy)}, {"valid", moment(&c.NotBefore) + " to " + moment(&c.ExpiresAt)}}
		if names := append(append(append([]string{}, c.URIs...), c.DNSNames...), c.IPAddresses...); len(names) > 0 {
			lines = append(lines, line{"names", strings.Join(names, " ")})
		}
		lines = append(lines, line{"key", c.PublicKey + ", signed with " + c.Signature}, line{"SHA-256", c.FingerprintSHA256}, line{"key SHA-256", c.SPKISHA256})
		notes = append(notes, note{fmt.Sprintf("%s %d", what, i+1), lines})
	}
	return notes
}

func forWhom(partner string) string {
	if partner == "" {
		return "all partners"
	}
	return partner
}

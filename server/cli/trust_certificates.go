package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func (p *program) trustCertificates(t *target) *cobra.Command {
	var profile, identity, name, status, before string
	c := &cobra.Command{Use: "certificates", Short: "List the certificates that the data center issued", Args: usageArgs(cobra.NoArgs),
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			end, err := endOf(before, time.Now())
			if err != nil {
				return err
			}
			query := url.Values{}
			for key, value := range map[string]string{"profile": underscored(profile), "identity": identity, "name": name, "status": status, "expiring_before": end} {
				if value != "" {
					query.Set(key, value)
				}
			}
			all, err := client.All[wire.CertificateView](ctx, conn.Client, "/v1/certificates", query)
			if err != nil {
				return err
			}
			return p.printCertificates(all, t.output)
		})}
	f := c.Flags()
	f.StringVar(&profile, "profile", "", "only of this `PROFILE`: node, agent, administrator, user, web_server")
	f.StringVar(&identity, "identity", "", "only of this `URI`, or first name of a web server")
	f.StringVar(&name, "name", "", "only with this `NAME` among its names")
	f.StringVar(&status, "status", "", "only `STATUS`: valid, expired, revoked")
	f.StringVar(&before, "expiring-before", "", "only what ends before `TIME`: RFC 3339, a day, or 720h")
	return c
}

// endOf reads a moment as people write it: RFC 3339, a day in UTC, or how long from now.
func endOf(s string, now time.Time) (string, error) {
	if s == "" {
		return "", nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(d).UTC().Format(time.RFC3339), nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC().Format(time.RFC3339), nil
		}
	}
	return "", usage("--expiring-before %q is no time; write 2027-01-31T00:00:00Z, 2027-01-31, or how long from now, such as 720h", s)
}

// underscored lets web-server stand for web_server, as people write names on a command line.
func underscored(s string) string { return strings.ReplaceAll(s, "-", "_") }

func (p *program) printCertificates(all []wire.CertificateView, output string) error {
	if output == "json" {
		return p.json(append([]wire.CertificateView{}, all...))
	}
	rows := make([][]string, 0, len(all))
	for _, v := range all {
		rows = append(rows, []string{v.Serial, v.Profile, v.Identity, v.Status, moment(&v.ExpiresAt), or(v.IssuedBy)})
	}
	return p.table([]string{"SERIAL", "PROFILE", "IDENTITY", "STATUS", "EXPIRES", "ISSUED BY"}, rows)
}

func (p *program) trustIssue(t *target) *cobra.Command {
	var o wire.CertificateOrder
	var out issuedFiles
	c := &cobra.Command{Use: "issue --profile PROFILE", Short: "Issue a certificate, for a request or with a key that the server makes", Args: usageArgs(cobra.NoArgs),
		Long: "Issues a certificate. With --csr the key stays where the request was made. Without it the server\nmakes the key, answers it this once and keeps it nowhere: give --key-out, or it is printed.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			if o.Profile == "" {
				return usage("which profile? give --profile node, agent, administrator, user or web_server")
			}
			o.Profile = underscored(o.Profile)
			var err error
			if o.CSRPEM, err = out.request(); err != nil {
				return err
			}
			return p.obtain(ctx, conn, client.Request{Path: client.Path("v1", "certificates"), In: o}, out, t.output)
		})}
	f := c.Flags()
	f.StringVar(&o.Profile, "profile", "", "`PROFILE`: node, agent, administrator, user or web_server")
	f.StringVar(&o.Name, "name", "", "`NAME` of the node, agent or administrator")
	f.StringSliceVar(&o.SANs, "san", nil, "DNS `NAME` or IP address of a web server; may be repeated")
	f.StringVar(&o.TTL, "ttl", "", "`LIFE` such as 24h; the server's leaf_ttl by default")
	out.register(c)
	return c
}

func (p *program) trustRenew(t *target) *cobra.Command {
	var out issuedFiles
	c := &cobra.Command{Use: "renew SERIAL", Short: "Issue the successor of a certificate", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Issues a certificate of the same names and life. With --csr it is for the key of that request,\nwithout it for a fresh key that the server makes. The old one stays valid until it ends.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			text, err := out.request()
			if err != nil {
				return err
			}
			return p.obtain(ctx, conn, client.Request{Path: client.Path("v1", "certificates", args[0], "renew"), In: wire.CertificateRenewal{CSRPEM: text}}, out, t.output)
		})}
	out.register(c)
	return c
}

func (p *program) trustRevoke(t *target) *cobra.Command {
	var d wire.CertificateWithdrawal
	c := &cobra.Command{Use: "revoke [SERIAL...]", Short: "End certificates before their time, for good", Args: usageArgs(cobra.ArbitraryArgs),
		Long: "Revokes certificates by their serials, or all that an identity or a node has. An identity or node\nis then not renewed either, until an administrator issues it a certificate again.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			if given := len(args) > 0; (given && (d.Identity != "" || d.Node != "")) || (!given && (d.Identity == "") == (d.Node == "")) {
				return usage("which certificates? give serials, or --identity, or --node; concord trust certificates shows them")
			}
			d.Serials = args
			var ended wire.CertificatesRevoked
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path("v1", "certificate-revocations"), In: d, Out: &ended}); err != nil {
				return err
			}
			return p.printCertificates(ended.Items, t.output)
		})}
	f := c.Flags()
	f.StringVar(&d.Identity, "identity", "", "all of this `URI`, or first name of a web server")
	f.StringVar(&d.Node, "node", "", "all of this `NODE` of the data center")
	f.StringVar(&d.Reason, "reason", "", "`REASON`, such as key_compromise, superseded or privilege_withdrawn")
	return c
}

// issuedFiles is where a request comes from and where a certificate goes.
type issuedFiles struct{ csr, cert, key string }

func (f *issuedFiles) register(c *cobra.Command) {
	c.Flags().StringVar(&f.csr, "csr", "", "`FILE` with a certificate request (PEM)")
	c.Flags().StringVar(&f.cert, "cert-out", "", "`FILE` for the certificate and those above it (PEM)")
	c.Flags().StringVar(&f.key, "key-out", "", "new `FILE` for the private key that the server made (PEM, 0600)")
}

// request reads the certificate request; "" when the server is to make the key.
func (f *issuedFiles) request() (string, error) {
	if f.csr == "" {
		return "", nil
	}
	if f.key != "" {
		return "", usage("--key-out is for a key that the server makes; with --csr it makes none")
	}
	text, err := readSmall(f.csr)
	if err != nil {
		return "", fmt.Errorf("--csr: %w", err)
	}
	return text, nil
}

// obtain asks for a certificate. The file of its key is made first: a key is answered once, and one that could not be written
// would be lost.
func (p *program) obtain(ctx context.Context, conn *connection, r client.Request, to issuedFiles, output string) error {
	if to.key != "" {
		f, err := os.OpenFile(to.key, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file; one that exists others may read
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("--key-out: %s is there already, and a private key is not overwritten; nothing was issued. Give another file", to.key)
		}
		if err != nil {
			return fmt.Errorf("--key-out: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("--key-out: %w", err)
		}
	}
	var made wire.IssuedCertificate
	r.Method, r.Out = http.MethodPost, &made
	if _, err := conn.Do(ctx, r); err != nil {
		if to.key != "" {
			_ = os.Remove(to.key) // it is empty
		}
		return err
	}
	return p.printIssued(made, to, output)
}

// printIssued writes the files first, and prints what no file was given for.
func (p *program) printIssued(made wire.IssuedCertificate, to issuedFiles, output string) error {
	if to.key != "" {
		if err := os.WriteFile(to.key, []byte(made.PrivateKeyPEM), 0o600); err != nil {
			return fmt.Errorf("--key-out: %w", err)
		}
		made.PrivateKeyPEM = ""
	}
	chain := made.CertificatePEM + made.ChainPEM
	if to.cert != "" {
		if err := os.WriteFile(to.cert, []byte(chain), 0o644); err != nil { //nolint:gosec // a certificate is public
			return fmt.Errorf("--cert-out: %w", err)
		}
		chain = ""
	}
	if output == "json" {
		return p.json(made)
	}
	if err := p.printCertificates([]wire.CertificateView{made.CertificateView}, output); err != nil {
		return err
	}
	_, err := io.WriteString(p.stdout, chain+made.PrivateKeyPEM)
	return err
}

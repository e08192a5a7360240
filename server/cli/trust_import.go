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

// importing is what `concord trust import` was told.
type importing struct{ file, address, fingerprint, partner string }

func (p *program) trustImport(t *target) *cobra.Command {
	var i importing
	c := &cobra.Command{Use: "import NAME", Short: "Trust a certificate, from a file or from a server by its fingerprint", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Declares a trusted certificate under a friendly name. From a file: 1 to 8 certificates, PEM or DER.\n" +
			"From a server: the certificate with the fingerprint that you got over another channel, out of what\n" +
			"the server presents, or else out of the roots that its peer listener publishes. Without the\n" +
			"fingerprint nothing is imported from a server: whoever sits in between could present anything.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			if err := i.check(); err != nil {
				return err
			}
			pem, err := i.certificates(ctx, conn)
			if err != nil {
				return err
			}
			var v wire.TrustedCertificateView
			_, err = conn.Do(ctx, client.Request{Method: http.MethodPut, Path: client.Path("v1", "trust", "certificates", args[0]), IfNoneMatch: true, Out: &v,
				In: wire.TrustedCertificate{Name: args[0], CertificatePEM: pem, Partner: i.partner}})
			if err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(v)
			}
			return p.table(trustHead(), trustRows([]wire.TrustedCertificateView{v}))
		})}
	f := c.Flags()
	f.StringVar(&i.file, "file", "", "`FILE` with 1 to 8 certificates, PEM or DER")
	f.StringVar(&i.address, "address", "", "`HOST:PORT` of a TLS server that presents it")
	f.StringVar(&i.fingerprint, "fingerprint", "", "`SHA256` of the certificate, in hex; colons do not count")
	f.StringVar(&i.partner, "partner", "", "cluster `ID` of the only partner that may prove itself with it")
	return c
}

// check refuses a command line that makes no sense, before anybody is asked.
func (i *importing) check() error {
	if (i.file == "") == (i.address == "") {
		return usage("give --file or --address, one of them")
	}
	if i.address != "" && i.fingerprint == "" {
		return usage("--address needs --fingerprint: the SHA-256 that the other side reads out to you over another channel. See what is there with concord trust inspect %s", i.address)
	}
	if i.fingerprint == "" {
		return nil
	}
	i.fingerprint = strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(i.fingerprint))
	if len(i.fingerprint) != 64 || strings.Trim(i.fingerprint, "0123456789abcdef") != "" {
		return usage("--fingerprint has to be a SHA-256: 64 hex digits")
	}
	return nil
}

// certificates gives what is to be imported as PEM.
func (i *importing) certificates(ctx context.Context, conn *connection) (string, error) {
	if i.file != "" {
		return i.fromFile()
	}
	v, err := conn.inspect(ctx, i.address, false)
	if err != nil {
		return "", err
	}
	if found := withFingerprint(v.Certificates, i.fingerprint); found != "" {
		return found, nil
	}
	if v, err = conn.inspect(ctx, i.address, true); err != nil {
		return "", fmt.Errorf("nothing that %s presents has that fingerprint, and: %w", i.address, err)
	}
	if found := withFingerprint(v.Bundle, i.fingerprint); found != "" {
		return found, nil
	}
	return "", fmt.Errorf("nothing that %s presents, and no root of its bundle, has the fingerprint %s; nothing was imported. See what is there with concord trust inspect --bundle %s, and ask whoever runs it", i.address, i.fingerprint, i.address)
}

func (i *importing) fromFile() (string, error) {
	all, err := certificatesIn(i.file)
	if err != nil {
		return "", err
	}
	text, found := "", i.fingerprint == ""
	for _, c := range all {
		text += c.pem()
		found = found || c.fingerprint() == i.fingerprint
	}
	if !found {
		return "", fmt.Errorf("no certificate in %s has the fingerprint %s; nothing was imported", i.file, i.fingerprint)
	}
	return text, nil
}

func withFingerprint(all []wire.RemoteCertificate, fingerprint string) (pem string) {
	for _, c := range all {
		if c.FingerprintSHA256 == fingerprint {
			return c.CertificatePEM
		}
	}
	return ""
}

func (p *program) trustRemove(t *target) *cobra.Command {
	return &cobra.Command{Use: "remove NAME", Short: "Trust a certificate no longer; what is open by it is cut off", Args: usageArgs(cobra.ExactArgs(1)),
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodDelete, Path: client.Path("v1", "trust", "certificates", args[0])}); err != nil {
				return err
			}
			_, err := fmt.Fprintln(p.stdout, strings.Map(printable, args[0])+" is no longer trusted")
			return err
		})}
}

package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/bundle"
	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const enrolTime = time.Minute

// enrolment is what `concord trust enroll` was told, and where its files go.
type enrolment struct {
	dir       string
	overwrite bool
}

func (e enrolment) file(name string) string { return filepath.Join(e.dir, name) }

func (p *program) trustEnroll() *cobra.Command {
	var e enrolment
	c := &cobra.Command{Use: "enroll TOKEN", Short: "Get the certificate that a join token is for", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Makes a key on this machine and gets the certificate that TOKEN is for: of a node, an agent\n" +
			"or an administrator. It writes cert.pem, key.pem (0600) and ca.pem into the folder. The data\n" +
			"center is known by its root's hash, which the token carries; the key goes nowhere. TOKEN may\n" +
			"be - for the standard input. It works once, whatever comes of it.",
		RunE: func(c *cobra.Command, args []string) error {
			if e.dir == "" {
				return usage("where to? give --dir DIR; cert.pem, key.pem and ca.pem are written there")
			}
			text, err := tokenText(args[0])
			if err != nil {
				return err
			}
			token, err := wire.ParseJoinToken(text)
			if err != nil {
				return usage("%v", err)
			}
			ctx, cancel := context.WithTimeout(c.Context(), enrolTime)
			defer cancel()
			return p.enroll(ctx, e, token)
		}}
	c.Flags().StringVar(&e.dir, "dir", "", "`DIR` for cert.pem, key.pem and ca.pem")
	c.Flags().BoolVar(&e.overwrite, "overwrite", false, "replace a certificate that is there")
	return c
}

// enroll does everything that can fail by itself before the token is shown: it is spent by that.
func (p *program) enroll(ctx context.Context, e enrolment, token wire.JoinToken) error {
	role, ok := map[string]string{wire.JoinNode: "node", wire.JoinAgent: "agent", wire.JoinAdministrator: "admin"}[token.Purpose]
	if !ok {
		return usage("the token is for a data center: use it with concord trust join, at the one that joins")
	}
	if err := e.prepare(); err != nil {
		return err
	}
	identity := "spiffe://" + strings.ToLower(token.Issuer) + "/" + role + "/" + token.Name
	csr, key, err := client.SigningRequest(identity)
	if err != nil {
		return err
	}
	pin := client.PinOf(token)
	pin.UserAgent = "concord/" + Version
	conn, err := client.OpenPinned(ctx, pin)
	if err != nil {
		return err
	}
	defer conn.Close()
	var made wire.CertificateMade
	if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: "/peer/v1/enroll", Out: &made,
		In: wire.PeerEnroll{ID: token.ID, Purpose: token.Purpose, Secret: token.Secret, CSRPEM: csr}}); err != nil {
		return err
	}
	if err := checkMade(made, key, identity, conn.Roots); err != nil {
		return err
	}
	if err := e.save(made, key, bundle.PEM(conn.Roots)); err != nil {
		return err
	}
	return p.tellEnrolled(e, token, identity, made.ExpiresAt)
}

func (p *program) tellEnrolled(e enrolment, token wire.JoinToken, identity string, until time.Time) error {
	hint := ""
	switch token.Purpose {
	case wire.JoinAgent:
		hint = fmt.Sprintf("List %s in certificate_identities of the agent %s, and name the files in the gate's tls block.\n", identity, token.Name)
	case wire.JoinAdministrator:
		hint = fmt.Sprintf("export CONCORD_CLIENT_CERT=%s CONCORD_CLIENT_KEY=%s CONCORD_CACERT=%s\n", e.file("cert.pem"), e.file("key.pem"), e.file("ca.pem"))
	}
	_, err := fmt.Fprintf(p.stdout, "%s is good until %s: %s, %s, %s\n%s", identity, until.UTC().Format(time.RFC3339), e.file("cert.pem"), e.file("key.pem"), e.file("ca.pem"), hint)
	return err
}

// prepare makes sure that the files can be written, and that nothing is lost by it.
func (e enrolment) prepare() error {
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for _, name := range []string{"cert.pem", "key.pem", "ca.pem"} {
		if _, err := os.Lstat(e.file(name)); err == nil && !e.overwrite {
			return usage("%s is there already; give another --dir, or --overwrite", e.file(name))
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look into folder: %w", err)
		}
	}
	probe, err := os.CreateTemp(e.dir, ".concord-*")
	if err != nil {
		return fmt.Errorf("write into folder: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func (e enrolment) save(made wire.CertificateMade, key, roots string) error {
	if err := client.SavePair(e.file("cert.pem"), e.file("key.pem"), made.CertificatePEM, key); err != nil {
		return err
	}
	if err := os.WriteFile(e.file("ca.pem"), []byte(roots), 0o644); err != nil { //nolint:gosec // roots are public
		return fmt.Errorf("save roots: %w", err)
	}
	return nil
}

// checkMade looks at the certificate before it is taken for what was asked for.
func checkMade(made wire.CertificateMade, key, identity string, roots []*x509.Certificate) error {
	pair, err := tls.X509KeyPair([]byte(made.CertificatePEM), []byte(key))
	if err != nil {
		return fmt.Errorf("read the certificate that came: %w", err)
	}
	pool, between := x509.NewCertPool(), x509.NewCertPool()
	for _, r := range roots {
		pool.AddCert(r)
	}
	between.AppendCertsFromPEM([]byte(made.CertificatePEM))
	_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil || len(pair.Leaf.URIs) != 1 || pair.Leaf.URIs[0].String() != identity {
		return errors.New("the certificate that came is not the one that was asked for; nothing was written")
	}
	return nil
}

// tokenText gives a token from the command line or, for -, from the standard input: there it is not in the list of processes.
func tokenText(arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, 8<<10))
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

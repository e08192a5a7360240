package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/spf13/cobra"
)

// target is which data center a verb talks to, and as whom. Each flag wins over its variable of the environment. There is
// no flag for the token itself: the command line of a process can be read by everyone on the machine.
type target struct {
	endpoint, tokenFile, caFile, certFile, keyFile string
	user, passwordFile                             string
	output                                         string
}

// register adds the flags of a verb that talks to a data center.
func (t *target) register(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&t.endpoint, "endpoint", "", "admin `URL` of the data center (CONCORD_ENDPOINT)")
	f.StringVar(&t.tokenFile, "token-file", "", "`FILE` with the token (or the token itself in CONCORD_TOKEN)")
	f.StringVar(&t.user, "username", "", "`NAME` of an administrator, not a token (CONCORD_USERNAME)")
	f.StringVar(&t.passwordFile, "password-file", "", "`FILE` with the password (or itself in CONCORD_PASSWORD)")
	f.StringVar(&t.caFile, "ca-cert", "", "`FILE` with the data center's root (CONCORD_CACERT)")
	f.StringVar(&t.certFile, "client-cert", "", "`FILE` with a client certificate (CONCORD_CLIENT_CERT)")
	f.StringVar(&t.keyFile, "client-key", "", "`FILE` with its key (CONCORD_CLIENT_KEY)")
	f.StringVarP(&t.output, "output", "o", "table", "`FORM` of the answer: table or json")
}

// connection is a target that was resolved.
type connection struct {
	*client.Client
	token string
	tls   *tls.Config
}

// connect reads flags, environment and files. It opens no connection.
func (p *program) connect(t target) (*connection, error) {
	if t.output != "table" && t.output != "json" {
		return nil, usage("-o %q is not one of table, json", t.output)
	}
	endpoint := p.pick(t.endpoint, "CONCORD_ENDPOINT")
	if endpoint == "" {
		return nil, usage("which data center? give --endpoint https://host:port or set CONCORD_ENDPOINT")
	}
	token, account, err := p.credential(t)
	if err != nil {
		return nil, err
	}
	tlsConfig, identity, err := p.tlsConfig(t)
	if err != nil {
		return nil, err
	}
	if token == "" && account == nil && identity == nil {
		return nil, usage("who are you? set CONCORD_TOKEN or give --token-file, or CONCORD_USERNAME and CONCORD_PASSWORD, or show a certificate with CONCORD_CLIENT_CERT and CONCORD_CLIENT_KEY; a first start left a token in DATA_DIR/bootstrap.token")
	}
	c, err := client.New(client.Config{Endpoint: endpoint, Token: token, Account: account, TLS: tlsConfig, Identity: identity, Roots: p.pick(t.caFile, "CONCORD_CACERT"), UserAgent: "concord/" + Version, Timeout: 20 * time.Second})
	if err != nil {
		return nil, usage("%v", err)
	}
	return &connection{Client: c, token: token, tls: tlsConfig}, nil
}

// credential is a token, or a user's name and password: that of a flag before that of the environment.
func (p *program) credential(t target) (token string, account *client.Account, err error) {
	if t.tokenFile != "" && t.user != "" {
		return "", nil, usage("give --token-file or --username, not both")
	}
	if t.tokenFile != "" {
		text, err := readSmall(t.tokenFile)
		if err != nil {
			return "", nil, fmt.Errorf("--token-file: %w", err)
		}
		return strings.TrimSpace(text), nil, nil
	}
	user := t.user
	if user == "" {
		if token, user = p.getenv("CONCORD_TOKEN"), p.getenv("CONCORD_USERNAME"); token != "" && user != "" {
			return "", nil, usage("both CONCORD_TOKEN and CONCORD_USERNAME are set; unset one of them, or give --token-file or --username")
		}
	}
	if user == "" {
		return token, nil, nil
	}
	password := p.getenv("CONCORD_PASSWORD")
	if t.passwordFile != "" {
		text, err := readSmall(t.passwordFile)
		if err != nil {
			return "", nil, fmt.Errorf("--password-file: %w", err)
		}
		password = strings.TrimRight(text, "\r\n")
	}
	if password == "" {
		return "", nil, usage("what is the password of %s? set CONCORD_PASSWORD or give --password-file", user)
	}
	return "", &client.Account{User: user, Password: password}, nil
}

// leave signs out, if the client signed in, and drops the connections. What cannot be closed ends by itself soon.
func (c *connection) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = c.SignOut(ctx)
	c.Close()
}

func (p *program) pick(flag, variable string) string {
	if flag != "" {
		return flag
	}
	return p.getenv(variable)
}

// tlsConfig gives whom we believe, and the certificate that we show; nil when none is named.
func (p *program) tlsConfig(t target) (*tls.Config, *client.Identity, error) {
	roots := ""
	if file, name := p.named(t.caFile, "--ca-cert", "CONCORD_CACERT"); file != "" {
		var err error
		if roots, err = readSmall(file); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	cfg, err := client.TLSFromPEM(roots, "", "")
	if err != nil {
		return nil, nil, err
	}
	certFile, certName := p.named(t.certFile, "--client-cert", "CONCORD_CLIENT_CERT")
	keyFile, keyName := p.named(t.keyFile, "--client-key", "CONCORD_CLIENT_KEY")
	switch {
	case certFile == "" && keyFile == "":
		return cfg, nil, nil
	case certFile == "":
		return nil, nil, usage("%s names a key without its certificate; give both", keyName)
	case keyFile == "":
		return nil, nil, usage("%s names a certificate without its key; give both", certName)
	}
	identity, err := client.FileIdentity(certFile, keyFile)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", certName, err)
	}
	return cfg, identity, nil
}

// named gives the file that a flag or else the environment names, and what named it.
func (p *program) named(value, flag, variable string) (file, by string) {
	if value != "" {
		return value, flag
	}
	return p.getenv(variable), variable
}

// readSmall reads a file of credentials, certificates or a request; more than 1 MiB is a wrong path.
func readSmall(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", err //nolint:wrapcheck // it says "open FILE: why", and the callers what the file is for
	}
	defer f.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return string(text), nil
}

// ready asks whether the node wants users. Its 503 is an answer with reasons and no trouble, so the client, which would
// try again, is not used.
func (c *connection) ready(ctx context.Context) (wire.Health, error) {
	var h wire.Health
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Endpoint()+"/v1/ready", nil)
	if err != nil {
		return h, fmt.Errorf("ask for readiness: %w", err)
	}
	if c.token != "" { // the route needs none
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	transport := &http.Transport{TLSClientConfig: c.tls.Clone(), DisableKeepAlives: true}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the token must not go along
	res, err := (&http.Client{Transport: transport, CheckRedirect: stay}).Do(req)
	if err != nil {
		return h, fmt.Errorf("ask for readiness: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // only read
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusServiceUnavailable {
		return h, fmt.Errorf("ask for readiness: %s", res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&h); err != nil {
		return h, fmt.Errorf("read readiness: %w", err)
	}
	return h, nil
}

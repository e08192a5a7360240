package provider

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
)

// Limits of request_timeout, and of a certificate or key file in bytes.
const (
	minTimeout = time.Second
	maxTimeout = time.Hour
	maxFile    = 1 << 20
)

// unknown says whether any value is still to be computed by another resource.
func (m settings) unknown() bool {
	return m.Endpoint.IsUnknown() || m.Token.IsUnknown() || m.Username.IsUnknown() || m.Password.IsUnknown() || m.CACertPEM.IsUnknown() || m.CACertFile.IsUnknown() ||
		m.ClientCertPEM.IsUnknown() || m.ClientCertFile.IsUnknown() || m.ClientKeyPEM.IsUnknown() || m.ClientKeyFile.IsUnknown() ||
		m.MaxRetries.IsUnknown() || m.RequestTimeout.IsUnknown()
}

// resolve takes each setting from the block or else from the environment, reads files, and reports every fault at once.
func (m settings) resolve(diags *diag.Diagnostics) client.Config {
	cfg := client.Config{
		Endpoint: required(m.Endpoint, "endpoint", "CONCORD_ENDPOINT", "It is the address of a data center's admin listener, such as https://ny.example.com:7400.", diags),
	}
	ca := text(m.CACertPEM.StringValue, m.CACertFile, "ca_cert_file", "CONCORD_CACERT", diags)
	failed := diags.ErrorsCount()
	m.credential(&cfg, diags)
	tls, err := client.TLSFromPEM(ca, "", "")
	if err == nil {
		cfg.Identity, err = m.identity(diags)
	}
	if err != nil {
		diags.AddError("Certificates for Concord cannot be used", sentence(err.Error()))
	}
	cfg.TLS = tls
	if cfg.Token == "" && cfg.Account == nil && cfg.Identity == nil && diags.ErrorsCount() == failed {
		diags.AddAttributeError(path.Root("token"), "No credential for Concord",
			"Set token in the provider block or CONCORD_TOKEN in the environment, or username and password (CONCORD_USERNAME and CONCORD_PASSWORD), or show an administrator's certificate with client_cert_file and client_key_file (CONCORD_CLIENT_CERT and CONCORD_CLIENT_KEY). The first token of a data center is in bootstrap.token in the server's data directory.")
	}
	if m.CACertPEM.ValueString() == "" {
		cfg.Roots = valueOrEnv(m.CACertFile, "CONCORD_CACERT")
	}
	if d, ok := m.RequestTimeout.Span(); ok {
		cfg.Timeout = d
	}
	if !m.MaxRetries.IsNull() {
		cfg.MaxRetries = int(m.MaxRetries.ValueInt64())
		if cfg.MaxRetries == 0 {
			cfg.MaxRetries = -1 // the client's 0 is its default
		}
	}
	return cfg
}

// credential is a token, or a user's name and password. What the block says counts before the environment.
func (m settings) credential(cfg *client.Config, diags *diag.Diagnostics) {
	cfg.Token = strings.TrimSpace(m.Token.ValueString())
	user := m.Username.ValueString()
	if cfg.Token == "" && user == "" {
		cfg.Token, user = strings.TrimSpace(os.Getenv("CONCORD_TOKEN")), os.Getenv("CONCORD_USERNAME")
	}
	switch {
	case user != "" && cfg.Token != "":
		diags.AddError("Two credentials for Concord", "Both CONCORD_TOKEN and CONCORD_USERNAME are set in the environment. Unset one of them, or set token or username in the provider block.")
	case user != "":
		cfg.Account = &client.Account{User: user, Password: valueOrEnv(m.Password, "CONCORD_PASSWORD")}
		if cfg.Account.Password == "" {
			diags.AddAttributeError(path.Root("password"), "No password for Concord", "username is set, so password in the provider block or CONCORD_PASSWORD in the environment has to be set too.")
		}
	case !m.Password.IsNull():
		diags.AddAttributeError(path.Root("username"), "No user name for Concord", "password is set, so username in the provider block or CONCORD_USERNAME in the environment has to be set too.")
	}
}

// identity is the certificate that the provider shows; nil when none is given. One in files is read again when they change, so that
// an apply that outlasts it goes on with the next.
func (m settings) identity(diags *diag.Diagnostics) (*client.Identity, error) {
	certFile, keyFile := valueOrEnv(m.ClientCertFile, "CONCORD_CLIENT_CERT"), valueOrEnv(m.ClientKeyFile, "CONCORD_CLIENT_KEY")
	before := diags.ErrorsCount()
	cert := text(m.ClientCertPEM.StringValue, m.ClientCertFile, "client_cert_file", "CONCORD_CLIENT_CERT", diags)
	key := text(m.ClientKeyPEM, m.ClientKeyFile, "client_key_file", "CONCORD_CLIENT_KEY", diags)
	if diags.ErrorsCount() > before {
		return nil, nil //nolint:nilnil // it was reported
	}
	if m.ClientCertPEM.ValueString() == "" && m.ClientKeyPEM.ValueString() == "" && certFile != "" && keyFile != "" {
		return client.FileIdentity(certFile, keyFile)
	}
	return client.IdentityFromPEM(cert, key)
}

func valueOrEnv(v types.String, env string) string {
	if v.ValueString() != "" {
		return v.ValueString()
	}
	return os.Getenv(env)
}

func required(v types.String, name, env, what string, diags *diag.Diagnostics) string {
	s := valueOrEnv(v, env)
	if s == "" {
		diags.AddAttributeError(path.Root(name), "No "+name+" for Concord",
			fmt.Sprintf("Set %s in the provider block or %s in the environment. %s", name, env, what))
	}
	return s
}

// text is the PEM text as given, or the content of the file that the block or else the environment names.
func text(pem, file types.String, name, env string, diags *diag.Diagnostics) string {
	if pem.ValueString() != "" {
		return pem.ValueString()
	}
	at, from := file.ValueString(), name
	if at == "" {
		at, from = os.Getenv(env), env
	}
	if at == "" {
		return ""
	}
	content, err := readFile(at)
	if err != nil {
		diags.AddAttributeError(path.Root(name), "File cannot be read", fmt.Sprintf("%s names a file that cannot be read: %v.", from, err))
	}
	return content
}

func readFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxFile {
		return "", fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return string(b), nil
}

package app

import (
	"fmt"
	"io"
	"os"

	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/outbound"
)

const maxSecretFile = 16 << 10

// externalCA is the external authority of a node's file; nil when the authority is embedded. The files are read each time they
// are needed, so that a password that was changed counts without a restart.
func externalCA(x *config.ExternalCA, dialer *outbound.Dialer) *ca.External {
	if x == nil {
		return nil
	}
	out := &ca.External{URL: x.URL, Fingerprint: x.Fingerprint, Provisioner: x.Provisioner, Dial: dialer.DialContext,
		Password: func() ([]byte, error) { return readSecret(x.PasswordFile) }}
	if x.KeyFile != "" {
		out.Key = func() ([]byte, error) { return readSecret(x.KeyFile) }
	}
	return out
}

func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("open secret: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b, nil
}

// certificateReasons tells of certificates that ended (FLT-21): the peer's, and the web one where a listener shows it.
func (n *Node) certificateReasons() (out []string) {
	peer, web := n.authority.Trouble()
	if peer != "" {
		out = append(out, peer)
	}
	shown := false
	for _, l := range []config.Listener{n.cfg.Admin, n.cfg.Runtime} {
		shown = shown || !l.TLS.Disabled && l.TLS.CertFile == ""
	}
	if web != "" && shown {
		out = append(out, web)
	}
	return out
}

package meeting

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"hash"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Roles of the two that prove a shared secret to each other. The one who calls proves first, and each proof works in its own
// role only, so that nobody can answer with what he was sent.
const (
	Caller   = "A"
	Answerer = "B"
)

const (
	exporterLabel  = "EXPORTER-concord-pair"
	exporterLength = 32
)

// Meeting is one TLS 1.3 connection over which two data centers that share a secret exchange their roots.
type Meeting struct {
	Exporter       []byte // Exported of the connection: a proof that was relayed from another connection fails
	Caller         string // cluster ids, compared without case
	Answerer       string
	CallerBundle   []byte // the SPIFFE bundles, byte for byte as they were sent
	AnswererBundle []byte
}

// Exported gives what only the two ends of a TLS 1.3 connection know (RFC 8446 section 7.5). A man in the middle has two connections,
// and so two different values.
func Exported(cs *tls.ConnectionState) ([]byte, error) {
	if cs == nil || cs.Version != tls.VersionTLS13 {
		return nil, errors.New("bind to the connection: it is not TLS 1.3")
	}
	b, err := cs.ExportKeyingMaterial(exporterLabel, nil, exporterLength)
	if err != nil {
		return nil, fmt.Errorf("bind to the connection: %w", err)
	}
	return b, nil
}

// Proof is HMAC-SHA-256 under the shared key over role, connection, both cluster ids and both bundles.
func (m Meeting) Proof(key []byte, role string) []byte {
	h := hmac.New(sha256.New, key)
	callers, answerers := sha256.Sum256(m.CallerBundle), sha256.Sum256(m.AnswererBundle)
	for _, part := range [][]byte{[]byte(role), m.Exporter, []byte(mdc.FoldName(m.Caller)), []byte(mdc.FoldName(m.Answerer)), callers[:], answerers[:]} {
		writePart(h, part)
	}
	return h.Sum(nil)
}

// Proved says, in constant time, whether shown is the proof of role.
func (m Meeting) Proved(key []byte, role string, shown []byte) bool {
	return len(m.Exporter) == exporterLength && hmac.Equal(m.Proof(key, role), shown)
}

// writePart writes the length first, so that no two lists of parts read alike.
func writePart(h hash.Hash, part []byte) {
	n := len(part)
	h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	h.Write(part)
}

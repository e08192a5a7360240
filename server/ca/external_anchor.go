package ca

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// anchorKey holds what is known of an external CA, so that a node starts while that one is away.
const anchorKey = "ca/external"

// anchor is the root of an external CA, whose fingerprint the node's file pins, and who signed below it lately.
type anchor struct {
	sequence uint64 // of the SPIFFE bundle: grows when the root changes
	root     *x509.Certificate
	issuers  []*x509.Certificate
}

// anchorRecord is kept as it is: there is no secret in it.
type anchorRecord struct {
	ClusterID string   `json:"cluster_id"`
	Sequence  uint64   `json:"sequence"`
	Root      []byte   `json:"root"`
	Issuers   [][]byte `json:"issuers,omitempty"`
}

// openAnchor gives the pinned root: the one that is kept, if it still is the one that is configured, or what the CA shows.
func openAnchor(ctx context.Context, c Config) (*anchor, error) {
	raw, err := readKey(ctx, c.Store, anchorKey)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("read external authority: %w", err)
	}
	embedded, err := keptSequence(ctx, c.Store, identityKey)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return firstAnchor(ctx, c, embedded)
	}
	kept, err := decodeAnchor(c, raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open external authority: %w", err)
	case !matches(kept.root, c.External.Fingerprint):
		return firstAnchor(ctx, c, max(embedded, kept.sequence))
	case kept.sequence <= embedded: // the embedded one was in force meanwhile
		kept.sequence = embedded + 1
		return kept, saveAnchor(ctx, c, kept)
	}
	return kept, nil
}

// firstAnchor fetches the root. before is how far the sequence of the bundle got; 0 for a new data center. It takes the place of another one, of an external CA or of the embedded, only because the
// node's file says so; partners have to be given the new one.
func firstAnchor(ctx context.Context, c Config, before uint64) (*anchor, error) {
	root, err := fetchRoot(ctx, *c.External)
	if err != nil {
		return nil, err
	}
	if before > 0 {
		c.Logger.WarnContext(ctx, "the root of this data center changed; its partners have to be given the new one", "fingerprint", c.External.Fingerprint)
	}
	a := &anchor{sequence: before + 1, root: root}
	return a, saveAnchor(ctx, c, a)
}

// fetchRoot asks the CA for the root of the configured fingerprint, over a connection that proves nothing: the fingerprint
// proves the answer, and nothing else of it is used.
func fetchRoot(ctx context.Context, x External) (*x509.Certificate, error) {
	client := caClient(x, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) //nolint:gosec // see above
	defer client.CloseIdleConnections()
	raw, err := fetch(ctx, client, http.MethodGet, x.URL+"/root/"+x.Fingerprint, nil, maxAnswer)
	if refused, ok := errors.AsType[*refusal](err); ok && refused.status == http.StatusNotFound {
		return nil, x.wrongRoot()
	}
	if err != nil {
		return nil, x.explain("fetch root", err)
	}
	var answer struct {
		Certificate string `json:"ca"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, x.explain("fetch root", errors.New("the answer is not JSON"))
	}
	root, err := parseCertificatePEM(answer.Certificate)
	if err != nil || !matches(root, x.Fingerprint) || !root.IsCA {
		return nil, x.wrongRoot()
	}
	return root, nil
}

func matches(c *x509.Certificate, fingerprint string) bool {
	sum := sha256.Sum256(c.Raw)
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(fingerprint)) == 1
}

func decodeAnchor(c Config, raw []byte) (*anchor, error) {
	var r anchorRecord
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	if !strings.EqualFold(r.ClusterID, c.ClusterID) {
		return nil, fmt.Errorf("the store holds the authority of %q, not of %q; give this node the right cluster id or an empty directory", clip(r.ClusterID), c.ClusterID)
	}
	a := &anchor{sequence: r.Sequence}
	var err error
	if a.root, err = x509.ParseCertificate(r.Root); err != nil {
		return nil, fmt.Errorf("read root: %w", err)
	}
	for _, der := range r.Issuers {
		issuer, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("read issuing certificate: %w", err)
		}
		a.issuers = append(a.issuers, issuer)
	}
	return a, nil
}

func saveAnchor(ctx context.Context, c Config, a *anchor) error {
	r := anchorRecord{ClusterID: c.ClusterID, Sequence: a.sequence, Root: a.root.Raw}
	for _, issuer := range a.issuers {
		r.Issuers = append(r.Issuers, issuer.Raw)
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode external authority: %w", err)
	}
	err = c.Store.Update(ctx, func(w store.Writer) error { return w.Put([]byte(anchorKey), raw, 0) })
	if err != nil {
		return fmt.Errorf("write external authority: %w", err)
	}
	return nil
}

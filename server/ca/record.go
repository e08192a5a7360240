package ca

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	recordPrefix = "ca/c/" // serial -> Record
	issuerPrefix = "ca/x/" // SHA-256 -> DER of an issuing certificate that signed something that is on record
	ownerPrefix  = "ca/n/" // identity, 0, serial -> nothing
	blockPrefix  = "ca/b/" // identity -> block

	// recordGrace is how long a record outlives its certificate at most: long enough to look up what a log of last month
	// names. What lives shortly is issued often, and goes sooner: after thirty lives, but not within a day.
	recordGrace      = 30 * 24 * time.Hour
	leastRecordGrace = 24 * time.Hour
)

// Status is where a certificate stands.
type Status string

// The statuses. A pending one was about to be signed; it has no certificate (yet), and none was handed out.
const (
	StatusPending Status = "pending"
	StatusValid   Status = "valid"
	StatusExpired Status = "expired"
	StatusRevoked Status = "revoked"
)

// Record is what is known of one certificate. It is written before the certificate is signed, and again with it.
type Record struct {
	Serial      string    `json:"serial"` // lower-case hex without leading zeros
	Profile     Profile   `json:"profile"`
	Identity    string    `json:"identity"`       // its URI; of a web server, its first name
	Node        string    `json:"node,omitempty"` // name of the node of this data center whose leaf it is
	Names       []string  `json:"names"`
	IssuedAt    time.Time `json:"issued_at"`
	IssuedBy    string    `json:"issued_by"` // actor; "node:<name>" when the node renewed its own
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Renews      string    `json:"renews,omitempty"`      // serial of the one that it was made from
	Certificate []byte    `json:"certificate,omitempty"` // DER; none while pending
	Issuers     []string  `json:"issuers,omitempty"`     // SHA-256 of the certificates above it, each kept once
	Chain       [][]byte  `json:"-"`                     // DER of these
	RevokedAt   time.Time `json:"revoked_at,omitzero"`
	Reason      Reason    `json:"reason,omitempty"`
}

// Status is where the certificate stands at now.
func (r Record) Status(now time.Time) Status {
	switch {
	case !r.RevokedAt.IsZero():
		return StatusRevoked
	case len(r.Certificate) == 0:
		return StatusPending
	case !now.Before(r.NotAfter):
		return StatusExpired
	default:
		return StatusValid
	}
}

// Fingerprint is the SHA-256 of the certificate in hex; "" while there is none.
func (r Record) Fingerprint() string {
	if len(r.Certificate) == 0 {
		return ""
	}
	sum := sha256.Sum256(r.Certificate)
	return hex.EncodeToString(sum[:])
}

// life is for how long the certificate was asked. Its end is in whole seconds: rounding up keeps the life of a line of
// successors from growing shorter by a part of a second each time.
func (r Record) life() time.Duration {
	return (r.NotAfter.Sub(r.IssuedAt) + time.Second - 1).Truncate(time.Second)
}

// SerialText is a serial as records spell it: lower-case hex without leading zeros.
func SerialText(n *big.Int) string { return n.Text(16) }

// ParseSerial reads a serial as people copy it: hex in any case, with or without colons and leading zeros.
func ParseSerial(text string) (string, error) {
	clean := strings.TrimLeft(strings.ToLower(strings.ReplaceAll(text, ":", "")), "0")
	if len(text) > 80 || clean == "" || len(clean) > 40 || strings.Trim(clean, "0123456789abcdef") != "" {
		return "", fault.New(fault.Invalid, "invalid_serial", "A serial is up to 40 hexadecimal digits, with or without colons.")
	}
	return clean, nil
}

func noSuchCertificate() error {
	return fault.New(fault.NotFound, "no_such_certificate", "This data center knows no certificate of this serial.")
}

func getRecord(r store.Reader, serial string) (Record, error) {
	raw, err := r.Get([]byte(recordPrefix + serial))
	if errors.Is(err, store.ErrNotFound) {
		return Record{}, noSuchCertificate()
	}
	if err != nil {
		return Record{}, fmt.Errorf("read certificate %s: %w", serial, err)
	}
	rec, err := decodeRecord(raw)
	if err != nil {
		return Record{}, err
	}
	err = readChain(r, &rec)
	return rec, err
}

// readChain adds the certificates above a record's.
func readChain(r store.Reader, rec *Record) error {
	rec.Chain = nil
	for _, sum := range rec.Issuers {
		der, err := r.Get([]byte(issuerPrefix + sum))
		if err != nil {
			return fmt.Errorf("read issuer of certificate %s: %w", rec.Serial, err)
		}
		rec.Chain = append(rec.Chain, der)
	}
	return nil
}

// putChain keeps the certificates above a record's, for those that are not kept yet. They are few, and stay for ever.
func putChain(w store.Writer, rec Record) error {
	for i, sum := range rec.Issuers {
		key := []byte(issuerPrefix + sum)
		if _, err := w.Get(key); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := w.Put(key, rec.Chain[i], 0); err != nil {
			return err
		}
	}
	return nil
}

func decodeRecord(raw []byte) (rec Record, err error) {
	if err := json.Unmarshal(raw, &rec); err != nil {
		return Record{}, fmt.Errorf("decode certificate record: %w", err)
	}
	return rec, nil
}

// putRecord writes rec and the entries under which its owners find it. All go some time after the certificate's end.
func (a *Authority) putRecord(w store.Writer, rec Record) error {
	raw, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encode certificate record: %w", err)
	}
	grace := min(max(30*rec.NotAfter.Sub(rec.IssuedAt), leastRecordGrace), recordGrace)
	life := max(rec.NotAfter.Sub(a.config.Clock.Now()), 0) + grace
	if err := w.Put([]byte(recordPrefix+rec.Serial), raw, life); err != nil {
		return err
	}
	for _, owner := range a.owners(rec) {
		if err := w.Put([]byte(ownerPrefix+owner+"\x00"+rec.Serial), []byte("1"), life); err != nil {
			return err
		}
	}
	return nil
}

// owners are the identities whose revocation is this certificate's: its own, and the node's whose web leaf it is.
func (a *Authority) owners(rec Record) []string {
	out := []string{rec.Identity}
	if node := Identity(a.config.ClusterID, ProfileNode, rec.Node); rec.Node != "" && node != rec.Identity {
		out = append(out, node)
	}
	return out
}

// owned are the serials of what identity has.
func owned(r store.Reader, identity string) (serials []string, err error) {
	prefix := ownerPrefix + identity + "\x00"
	err = r.Range(store.Span{Prefix: []byte(prefix)}, func(key, _ []byte) error {
		serials = append(serials, string(key[len(prefix):]))
		return nil
	})
	return serials, err
}

// completed is rec with what was signed for it. A backend that chose another serial has its record moved.
func completed(rec Record, chain []*x509.Certificate) Record {
	leaf := chain[0]
	rec.Serial, rec.NotBefore, rec.NotAfter, rec.Certificate = SerialText(leaf.SerialNumber), leaf.NotBefore.UTC(), leaf.NotAfter.UTC(), leaf.Raw
	rec.Issuers, rec.Chain = nil, nil
	for _, c := range chain[1:] {
		sum := sha256.Sum256(c.Raw)
		rec.Issuers, rec.Chain = append(rec.Issuers, hex.EncodeToString(sum[:])), append(rec.Chain, c.Raw)
	}
	return rec
}

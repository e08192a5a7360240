package federation

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// Keys in the state store, each with the partner's cluster id in lower case.
const (
	prefixRecord = "f/l/" // record as JSON
	prefixMark   = "f/m/" // SHA-256 of the record: says that there is one, and which
	prefixAck    = "f/a/" // ack as JSON
)

// maxRetired bounds how many retired roots of a partner are remembered.
const maxRetired = 16

// record is what one partner told.
type record struct {
	Pins     []string `json:"pins,omitempty"`
	Sequence uint64   `json:"sequence"` // of the bundle; 0 = none
	Roots    [][]byte `json:"roots,omitempty"`
	Retired  [][]byte `json:"retired,omitempty"`
	Number   uint64   `json:"number"`
	Lists    []List   `json:"lists,omitempty"`
}

var errDamaged = errors.New("what was learned of the partner is missing or damaged")

// readRecord gives what is kept; nil when nothing ever was, errDamaged when it was and is not.
func readRecord(r store.Reader, id string) (*record, error) {
	raw, err := r.Get([]byte(prefixRecord + id))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	mark, markErr := r.Get([]byte(prefixMark + id))
	if markErr != nil && !errors.Is(markErr, store.ErrNotFound) {
		return nil, markErr
	}
	if err != nil && markErr != nil {
		return nil, nil //nolint:nilerr // both are absent
	}
	sum := sha256.Sum256(raw)
	if err != nil || markErr != nil || !bytes.Equal(sum[:], mark) {
		return nil, errDamaged
	}
	var out record
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, errDamaged
	}
	return &out, nil
}

func writeRecord(w store.Writer, id string, rec *record) error {
	if rec == nil || rec.Sequence == 0 && len(rec.Lists) == 0 {
		if err := w.Delete([]byte(prefixRecord + id)); err != nil {
			return err
		}
		return w.Delete([]byte(prefixMark + id))
	}
	raw, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	sum := sha256.Sum256(raw)
	if err := w.Put([]byte(prefixMark+id), sum[:], 0); err != nil {
		return err
	}
	return w.Put([]byte(prefixRecord+id), raw, 0)
}

// known lists the partners of whom anything is kept.
func known(r store.Reader) (ids []string, err error) {
	for _, prefix := range []string{prefixRecord, prefixMark} {
		err := r.Range(store.Span{Prefix: []byte(prefix)}, func(k, _ []byte) error {
			if id := strings.TrimPrefix(string(k), prefix); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// learned opens a record for package trust. Whatever in it cannot be read makes all of it damaged.
func (rec *record) learned() trust.Learned {
	out := trust.Learned{Pins: rec.Pins, Revoked: map[string]bool{}}
	var ok bool
	if out.Roots, ok = parseAll(rec.Roots); !ok {
		return trust.Learned{Damaged: true}
	}
	if out.Retired, ok = parseAll(rec.Retired); !ok {
		return trust.Learned{Damaged: true}
	}
	for _, l := range rec.Lists {
		list, err := l.parse()
		if err != nil {
			return trust.Learned{Damaged: true}
		}
		for _, e := range list.RevokedCertificateEntries {
			out.Revoked[e.SerialNumber.String()] = true
		}
	}
	return out
}

func parseAll(ders [][]byte) (out []*x509.Certificate, ok bool) {
	for _, der := range ders {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, false
		}
		out = append(out, c)
	}
	return out, true
}

func fingerprints(all []*x509.Certificate) (out []string) {
	for _, c := range all {
		out = append(out, mdc.Fingerprint(c))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

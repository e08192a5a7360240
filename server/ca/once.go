package ca

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	oncePrefix = "ca/o/" // SHA-256 of who asked and of the key -> ordered; expires
	// onceLife is how long a repetition gets the certificate that was made.
	onceLife = time.Hour
)

// ordered is what was asked for under a key, and the serial that it got.
type ordered struct {
	Serial string `json:"serial"`
	Digest string `json:"digest"` // SHA-256 of the request
}

// once makes a request one that may be repeated, because its answer may be lost: its key stands for one certificate, for who asked.
type once struct{ place, digest string }

// madeBefore is the certificate that a repeated request was given the first time.
type madeBefore struct{ rec Record }

func (m *madeBefore) Error() string {
	return "certificate " + m.rec.Serial + " was issued for this request before"
}

// onceFor gives nil for a request without a key. A private key that the server makes is answered once and cannot be repeated.
func onceFor(by Actor, r Request) (*once, error) {
	if r.Once == "" {
		return nil, nil
	}
	if r.CSR == "" {
		return nil, fault.New(fault.Invalid, "invalid_idempotency_key", "Only a request with csr_pem can be repeated: a private key that the server makes is answered once.")
	}
	place := sha256.Sum256([]byte(by.Name + "\x00" + r.Once))
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	digest := sha256.Sum256(body)
	return &once{oncePrefix + hex.EncodeToString(place[:]), hex.EncodeToString(digest[:])}, nil
}

// claim takes the key for a serial in the transaction that intends it. *madeBefore when a certificate was made for it; fault.Conflict for
// another request under the same key and for a certificate that was revoked since, fault.Unavailable while the first one is being signed.
// A first one that failed, or that was given up before it was on record, is forgotten.
func (o *once) claim(w store.Writer, serial string) error {
	raw, err := w.Get([]byte(o.place))
	if err == nil {
		err = o.repeated(w, raw)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return o.put(w, serial)
}

func (o *once) put(w store.Writer, serial string) error {
	raw, err := json.Marshal(ordered{serial, o.digest})
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return w.Put([]byte(o.place), raw, onceLife)
}

// moved has the key stand for the serial that the backend chose in the place of the one that was intended.
func (o *once) moved(w store.Writer, intended, made string) error {
	if o == nil || made == intended {
		return nil
	}
	return o.put(w, made)
}

// repeated gives store.ErrNotFound where the first request left no certificate.
func (o *once) repeated(r store.Reader, raw []byte) error {
	var first ordered
	if err := json.Unmarshal(raw, &first); err != nil {
		return fmt.Errorf("decode request: %w", err)
	}
	if first.Digest != o.digest {
		return fault.New(fault.Conflict, "idempotency_key_used", "This Idempotency-Key was sent with another request within the last hour. Make a new one for each certificate.")
	}
	rec, err := getRecord(r, first.Serial)
	switch {
	case fault.Is(err, fault.NotFound):
		return underWay(r, first.Serial)
	case err != nil:
		return err
	case len(rec.Certificate) == 0: // an intent that was swept up: nobody was given anything
		return store.ErrNotFound
	case !rec.RevokedAt.IsZero():
		return fault.New(fault.Conflict, "certificate_revoked", "Certificate %s, which was issued under this Idempotency-Key, was revoked since. Order another one with a new key.", rec.Serial)
	}
	return &madeBefore{rec}
}

// underWay refuses while the certificate of a serial is being signed; store.ErrNotFound where it is not.
func underWay(r store.Reader, serial string) error {
	if _, err := r.Get([]byte(intentPrefix + serial)); err != nil {
		return err
	}
	f := fault.New(fault.Unavailable, "issuing", "The certificate of this request is being signed; ask again.")
	f.RetryAfter = time.Second
	return f
}

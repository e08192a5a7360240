package ca

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	listKey  = "ca/crl"
	listLife = 24 * time.Hour // thisUpdate to nextUpdate; a new list is made when half of it is over
)

// List is a certificate revocation list, signed by the issuing certificate. The number of one authority's lists only grows, restarts
// and a change to another authority and back included.
type List struct {
	Number     uint64    `json:"number"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	DER        []byte    `json:"der"`
	Digest     string    `json:"digest"`  // of the entries and the issuer, to see when it no longer says what is recorded
	Highest    uint64    `json:"highest"` // number that any list had here before, of whichever authority
}

// CRL is the list in force.
func (a *Authority) CRL() List { return *a.list.Load() }

// ListTrouble says why CRL must not be given out: an external authority has none to give, or one that lacks what is revoked
// here. With the embedded authority it is nil.
func (a *Authority) ListTrouble() error {
	l, why := a.list.Load(), a.listTrouble.Load()
	switch {
	case why != nil && (len(l.DER) == 0 || l.Digest != a.listDigest(a.listed())):
		return *why
	case len(l.DER) == 0:
		return fault.New(fault.Unavailable, "no_list_yet", "The revocation list was not fetched from the certificate authority yet; ask again.")
	}
	return nil
}

// openList goes on with the kept list, or makes one where there is none, it is due, or a revocation did not get into it.
func (a *Authority) openList(ctx context.Context) error {
	kept, err := a.keptList(ctx)
	if err != nil {
		return err
	}
	a.list.Store(&kept)
	if a.config.External != nil {
		return nil // a start does not wait for somebody else; Run asks at once
	}
	return a.freshenList(ctx)
}

func (a *Authority) keptList(ctx context.Context) (kept List, err error) {
	raw, err := readKey(ctx, a.config.Store, listKey)
	if errors.Is(err, store.ErrNotFound) {
		return List{}, nil
	}
	if err != nil {
		return List{}, fmt.Errorf("read revocation list: %w", err)
	}
	if err := json.Unmarshal(raw, &kept); err != nil {
		return List{}, fmt.Errorf("decode revocation list: %w", err)
	}
	return kept, nil
}

// freshenList makes a new list when half of the life of the present one is over, or it does not say what is recorded.
func (a *Authority) freshenList(ctx context.Context) error {
	l := a.list.Load()
	if a.config.External != nil {
		return a.followList(ctx)
	}
	half := l.ThisUpdate.Add(l.NextUpdate.Sub(l.ThisUpdate) / 2)
	if a.config.Clock.Now().Before(half) && l.Digest == a.listDigest(a.listed()) {
		return nil
	}
	return a.refreshList(ctx)
}

// listed are the revocations that belong on a list made now.
func (a *Authority) listed() []Revocation {
	now := a.config.Clock.Now()
	out := a.Revocations()
	kept := out[:0]
	for _, r := range out {
		if now.Before(r.NotAfter.Add(revocationGrace)) {
			kept = append(kept, r)
		}
	}
	return kept
}

func (a *Authority) listDigest(entries []Revocation) string {
	h := sha256.New()
	for _, issuer := range a.backend.Issuers() {
		h.Write(issuer.Raw)
	}
	for _, r := range entries {
		h.Write([]byte("\x00" + r.Serial))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// refreshList makes a list of what is revoked now, keeps it, and only then gives it out.
func (a *Authority) refreshList(ctx context.Context) error {
	a.listing.Lock()
	defer a.listing.Unlock()
	entries := a.listed()
	now := a.config.Clock.Now().UTC().Truncate(time.Second)
	was := a.list.Load()
	highest := max(was.Number, was.Highest)
	l := revocationList{number: highest + 1, thisUpdate: now, nextUpdate: now.Add(listLife), entries: entries}
	der, err := a.backend.CRL(ctx, l)
	if err != nil {
		a.listTrouble.Store(&err)
		return err
	}
	made, err := x509.ParseRevocationList(der)
	if err != nil || made.Number == nil || !made.Number.IsUint64() {
		return errors.Join(errors.New("read the new revocation list"), err)
	}
	fresh := List{Number: made.Number.Uint64(), ThisUpdate: made.ThisUpdate, NextUpdate: made.NextUpdate, DER: der, Digest: a.listDigest(entries), Highest: highest}
	if !bytes.Equal(der, was.DER) {
		if err := a.keepList(ctx, fresh); err != nil {
			return err
		}
	}
	a.list.Store(&fresh)
	a.listTrouble.Store(nil)
	a.changes.tell()
	a.forgetEnded()
	return nil
}

// followList fetches the list of an external authority, which may have changed without anybody here, and brings into force what
// was revoked there.
func (a *Authority) followList(ctx context.Context) error {
	before := a.list.Load()
	if err := a.refreshList(ctx); err != nil || bytes.Equal(before.DER, a.list.Load().DER) {
		return err
	}
	list, err := x509.ParseRevocationList(a.list.Load().DER)
	if err != nil {
		return fmt.Errorf("read revocation list: %w", err)
	}
	foreign, err := a.unrecorded(ctx, list)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(foreign, maxSerials) {
		if _, err := a.Revoke(ctx, Actor{Name: "ca:external"}, Withdrawal{Serials: some}); err != nil {
			return err
		}
	}
	return nil
}

// unrecorded are the certificates of this data center that are on list and not revoked here.
func (a *Authority) unrecorded(ctx context.Context, list *x509.RevocationList) (serials []string, err error) {
	err = a.config.Store.View(ctx, func(r store.Reader) error {
		serials = nil
		for _, e := range list.RevokedCertificateEntries {
			rec, err := getRecord(r, SerialText(e.SerialNumber))
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			if err == nil && rec.Status(a.config.Clock.Now()) == StatusValid {
				serials = append(serials, rec.Serial)
			}
		}
		return nil
	})
	return serials, err
}

// keepList writes the list, but never over one of the same issuer with a higher number.
func (a *Authority) keepList(ctx context.Context, fresh List) error {
	raw, err := json.Marshal(fresh)
	if err != nil {
		return fmt.Errorf("encode revocation list: %w", err)
	}
	err = a.config.Store.Update(ctx, func(w store.Writer) error {
		var kept List
		old, err := w.Get([]byte(listKey))
		if err == nil {
			err = json.Unmarshal(old, &kept)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if kept.Number > fresh.Number && sameSigner(kept.DER, fresh.DER) {
			return fmt.Errorf("the kept list has number %d, the new one %d", kept.Number, fresh.Number)
		}
		return w.Put([]byte(listKey), raw, 0)
	})
	if err != nil {
		return fmt.Errorf("write revocation list: %w", err)
	}
	return nil
}

// sameSigner says whether two lists name one issuing key. An authority that takes another's place counts for itself.
func sameSigner(a, b []byte) bool {
	x, err := x509.ParseRevocationList(a)
	y, wrong := x509.ParseRevocationList(b)
	return err == nil && wrong == nil && bytes.Equal(x.AuthorityKeyId, y.AuthorityKeyId)
}

// forgetEnded drops revocations of certificates that ended by themselves; the store drops them by their life.
func (a *Authority) forgetEnded() {
	now := a.config.Clock.Now()
	a.revoked.mu.Lock()
	defer a.revoked.mu.Unlock()
	for serial, r := range a.revoked.by {
		if !now.Before(r.NotAfter.Add(revocationGrace)) {
			delete(a.revoked.by, serial)
		}
	}
}

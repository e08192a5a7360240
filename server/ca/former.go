package ca

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// formers are the certificates of others under the former root that are still good. They are read from the records once, at the first
// question after a switch or a start; from then on they only become fewer, but for one that was being signed at the switch. So a
// looks at the rotation read no record, of however many there are.
type formers struct {
	mu    sync.Mutex                   // guards the rest
	of    *generation                  // whose they are; nil while none were read
	above map[string]*x509.Certificate // the root that signed the issuing certificate of this SHA-256
	ends  map[string]time.Time         // by serial
}

// LastFormer gives the end of the longest life among the certificates under the former root that are still good, and how many
// there are. This node's own leaves do not count: they were renewed at the switch. Of another node those count that it still uses.
func (a *Authority) LastFormer(ctx context.Context) (end time.Time, count int, err error) {
	a.formers.mu.Lock()
	defer a.formers.mu.Unlock()
	id := a.identity()
	if id.former == nil {
		a.formers.of, a.formers.above, a.formers.ends = nil, nil, nil
		return end, 0, nil
	}
	if a.formers.of != id.former {
		if err := a.readFormers(ctx, id); err != nil {
			return end, 0, err
		}
	}
	return a.formers.count(a.config.Clock.Now(), &a.revoked)
}

// count forgets what ended or was revoked.
func (f *formers) count(now time.Time, gone *revoked) (end time.Time, count int, err error) {
	gone.mu.RLock()
	defer gone.mu.RUnlock()
	for serial, until := range f.ends {
		if _, found := gone.by[serial]; found || !now.Before(until) {
			delete(f.ends, serial)
		} else if until.After(end) {
			end = until
		}
	}
	return end, len(f.ends), nil
}

// readFormers reads all records. The caller holds the lock: what is recorded meanwhile is noted after it.
func (a *Authority) readFormers(ctx context.Context, id *identity) error {
	now := a.config.Clock.Now()
	f := &a.formers
	err := a.config.Store.View(ctx, func(r store.Reader) error {
		f.of, f.above, f.ends = nil, map[string]*x509.Certificate{}, map[string]time.Time{}
		return r.Range(store.Span{Prefix: []byte(recordPrefix)}, func(_, value []byte) error {
			rec, err := decodeRecord(value)
			if err != nil || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			if rec.Node == a.config.NodeName || rec.Status(now) != StatusValid {
				return nil
			}
			former, err := f.under(id, rec, func(i int) ([]byte, error) { return r.Get([]byte(issuerPrefix + rec.Issuers[i])) })
			if err != nil || !former {
				return err
			}
			if rec.Node != "" { // another node's own: what it renewed at the switch does not count either
				if gone, err := replaced(r, rec); err != nil || gone {
					return err
				}
			}
			f.ends[rec.Serial] = rec.NotAfter
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read certificates under the former root: %w", err)
	}
	f.of = id.former
	return nil
}

// under says whether a certificate leads to the former root and not to the one that issues, whichever issuing certificate signed it:
// there may have been several below one root.
func (f *formers) under(id *identity, rec Record, issuer func(i int) ([]byte, error)) (former bool, err error) {
	for i, sum := range rec.Issuers {
		by, known := f.above[sum]
		if !known {
			der, err := issuer(i)
			if err == nil {
				by, err = id.rootOf(der)
			}
			if err != nil {
				return false, fmt.Errorf("read issuer of certificate %s: %w", rec.Serial, err)
			}
			f.above[sum] = by
		}
		if by == id.root.cert {
			return false, nil
		}
		former = former || by == id.former.root.cert
	}
	return former, nil
}

// rootOf gives the root of this authority that signed an issuing certificate; nil for none of them.
func (id *identity) rootOf(der []byte) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	for _, root := range id.roots() {
		if c.CheckSignatureFrom(root) == nil {
			return root, nil
		}
	}
	return nil, nil //nolint:nilnil // an external authority's, before this one
}

// noteFormer counts a certificate that was signed before a switch and recorded after it. Nearly all were not, and wait for nothing.
func (a *Authority) noteFormer(rec Record) {
	id := a.identity()
	if id.former == nil || rec.Node == a.config.NodeName || slices.ContainsFunc(rec.Chain, func(der []byte) bool { return bytes.Equal(der, id.issuer.cert.Raw) }) {
		return
	}
	a.formers.mu.Lock()
	defer a.formers.mu.Unlock()
	if a.formers.of != id.former {
		return // it is read with the others
	}
	former, err := a.formers.under(id, rec, func(i int) ([]byte, error) { return rec.Chain[i], nil })
	if err != nil {
		a.formers.of = nil // all is read again
	} else if former {
		a.formers.ends[rec.Serial] = rec.NotAfter
	}
}

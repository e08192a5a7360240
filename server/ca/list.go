package ca

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Filter narrows a listing; what is empty does not.
type Filter struct {
	Profile        Profile
	Identity       string // exactly
	Name           string // one of the names, exactly
	Status         Status
	ExpiringBefore time.Time
}

// maxScanned is how many records one listing looks at. A page may be short, or empty, and still have a next one.
const maxScanned = 5000

// Certificate gives the record of a serial, in any of its spellings. A fault.NotFound when there is none.
func (a *Authority) Certificate(ctx context.Context, serial string) (rec Record, err error) {
	clean, err := ParseSerial(serial)
	if err != nil {
		return Record{}, err
	}
	err = a.config.Store.View(ctx, func(r store.Reader) error {
		rec, err = getRecord(r, clean)
		return err
	})
	return rec, err
}

// Recognise gives the record of a certificate that somebody showed. The bytes have to be the ones that were issued: a serial
// alone can be written into any certificate.
func (a *Authority) Recognise(ctx context.Context, c *x509.Certificate) (Record, error) {
	rec, err := a.Certificate(ctx, SerialText(c.SerialNumber))
	if err != nil {
		return Record{}, err
	}
	if !bytes.Equal(rec.Certificate, c.Raw) {
		return Record{}, noSuchCertificate()
	}
	return rec, nil
}

// Certificates lists records by serial, after the serial that the last page ended with. next is "" at the end.
func (a *Authority) Certificates(ctx context.Context, f Filter, after string, limit int) (page []Record, next string, err error) {
	err = a.config.Store.View(ctx, func(r store.Reader) error {
		page, next = nil, ""
		if f.Identity != "" {
			return a.listOwned(r, f, after, limit, &page, &next)
		}
		return a.listAll(r, f, after, limit, &page, &next)
	})
	return page, next, err
}

func (a *Authority) listAll(r store.Reader, f Filter, after string, limit int, page *[]Record, next *string) error {
	span := store.Span{Prefix: []byte(recordPrefix)}
	if after != "" {
		span.After = []byte(recordPrefix + after)
	}
	now, scanned, last := a.config.Clock.Now(), 0, after
	return r.Range(span, func(_, value []byte) error {
		if len(*page) == limit || scanned == maxScanned {
			*next = last
			return store.ErrStop
		}
		rec, err := decodeRecord(value)
		if err != nil {
			return err
		}
		scanned, last = scanned+1, rec.Serial
		if f.takes(rec, now) {
			err = readChain(r, &rec)
			*page = append(*page, rec)
		}
		return err
	})
}

func (a *Authority) listOwned(r store.Reader, f Filter, after string, limit int, page *[]Record, next *string) error {
	serials, err := owned(r, f.Identity)
	if err != nil {
		return err
	}
	now, last := a.config.Clock.Now(), after
	for _, serial := range serials {
		if serial <= after {
			continue
		}
		if len(*page) == limit {
			*next = last
			return nil
		}
		last = serial
		if rec, err := getRecord(r, serial); err == nil && f.takes(rec, now) {
			*page = append(*page, rec)
		}
	}
	return nil
}

func (f Filter) takes(r Record, now time.Time) bool {
	return (f.Profile == "" || r.Profile == f.Profile) && (f.Identity == "" || r.Identity == f.Identity) &&
		(f.Name == "" || slices.Contains(r.Names, f.Name)) && (f.Status == "" || r.Status(now) == f.Status) &&
		(f.ExpiringBefore.IsZero() || r.NotAfter.Before(f.ExpiringBefore))
}

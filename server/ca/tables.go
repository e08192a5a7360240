package ca

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/smallstep/nosql/database"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	tablePrefix = "ca/step/"
	callLimit   = 30 * time.Second // step calls us without a deadline
	rowGrace    = 2 * time.Hour    // a row outlives what it speaks of by this
	maxRows     = 10_000           // of one List
)

// tables keeps step's database in our store. A row's key is "ca/step/", the table's length as one byte, table, key.
type tables struct {
	base  context.Context // ends with the authority; step's calls carry no context of their own
	store store.Store
	clock clock.Clock
}

var _ database.DB = (*tables)(nil)

// Open does nothing: the store is open.
func (t *tables) Open(string, ...database.Option) error { return nil }

// Close does nothing: the store is not ours.
func (t *tables) Close() error { return nil }

// CreateTable does nothing: a table is a prefix.
func (t *tables) CreateTable([]byte) error { return nil }

// DeleteTable is refused: nothing of step's use here drops tables.
func (t *tables) DeleteTable([]byte) error { return database.ErrOpNotSupported }

// Get gives a row, or database.ErrNotFound: step compares with exactly that.
func (t *tables) Get(table, key []byte) (value []byte, err error) {
	err = t.view(func(r store.Reader) error {
		value, err = r.Get(rowKey(table, key))
		return err
	})
	return value, rowError("get", table, err)
}

// Set writes a row.
func (t *tables) Set(table, key, value []byte) error {
	return rowError("set", table, t.update(func(w store.Writer) error { return t.put(w, table, key, value) }))
}

// Del removes a row.
func (t *tables) Del(table, key []byte) error {
	return rowError("delete", table, t.update(func(w store.Writer) error { return w.Delete(rowKey(table, key)) }))
}

// CmpAndSwap writes value if old is what is there (nil: nothing is). It is what makes a token work once.
func (t *tables) CmpAndSwap(table, key, old, value []byte) (current []byte, swapped bool, err error) {
	err = t.update(func(w store.Writer) error {
		current, swapped, err = t.swap(w, table, key, old, value)
		return err
	})
	return current, swapped, rowError("swap", table, err)
}

// List gives the rows of a table.
func (t *tables) List(table []byte) (rows []*database.Entry, err error) {
	prefix := rowKey(table, nil)
	err = t.view(func(r store.Reader) error {
		rows = nil
		return r.Range(store.Span{Prefix: prefix}, func(key, value []byte) error {
			if len(rows) == maxRows {
				return fmt.Errorf("more than %d rows", maxRows)
			}
			rows = append(rows, &database.Entry{Bucket: table, Key: key[len(prefix):], Value: value})
			return nil
		})
	})
	return rows, rowError("list", table, err)
}

// Update runs several operations as one transaction.
func (t *tables) Update(tx *database.Tx) error {
	return rowError("update", nil, t.update(func(w store.Writer) error {
		for _, op := range tx.Operations {
			if err := t.apply(w, op); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (t *tables) apply(w store.Writer, op *database.TxEntry) (err error) {
	switch op.Cmd {
	case database.CreateTable:
		return nil
	case database.Get:
		op.Result, err = w.Get(rowKey(op.Bucket, op.Key))
		return err
	case database.Set:
		return t.put(w, op.Bucket, op.Key, op.Value)
	case database.Delete:
		return w.Delete(rowKey(op.Bucket, op.Key))
	case database.CmpAndSwap:
		op.Result, op.Swapped, err = t.swap(w, op.Bucket, op.Key, op.CmpValue, op.Value)
		return err
	default:
		return database.ErrOpNotSupported
	}
}

func (t *tables) swap(w store.Writer, table, key, old, value []byte) ([]byte, bool, error) {
	current, err := w.Get(rowKey(table, key))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, false, err
	}
	if !bytes.Equal(current, old) {
		return current, false, nil
	}
	return value, true, t.put(w, table, key, value)
}

// put gives a row the life its table needs: step itself never removes anything.
func (t *tables) put(w store.Writer, table, key, value []byte) error {
	return w.Put(rowKey(table, key), slices.Clone(value), t.life(string(table), value))
}

func (t *tables) life(table string, value []byte) time.Duration {
	switch table {
	case "used_ott":
		return rowGrace // our tokens live a minute
	case "x509_certs":
		if c, err := x509.ParseCertificate(value); err == nil {
			return max(c.NotAfter.Sub(t.clock.Now()), 0) + rowGrace
		}
	case "x509_certs_data":
		return maxLeafTTL + rowGrace
	}
	return 0
}

func (t *tables) view(fn func(store.Reader) error) error {
	ctx, cancel := context.WithTimeout(t.base, callLimit)
	defer cancel()
	return t.store.View(ctx, fn)
}

func (t *tables) update(fn func(store.Writer) error) error {
	ctx, cancel := context.WithTimeout(t.base, callLimit)
	defer cancel()
	return t.store.Update(ctx, fn)
}

func rowKey(table, key []byte) []byte {
	k := append([]byte(tablePrefix), byte(len(table)))
	return append(append(k, table...), key...)
}

func rowError(verb string, table []byte, err error) error {
	switch {
	case err == nil, errors.Is(err, database.ErrOpNotSupported):
		return err
	case errors.Is(err, store.ErrNotFound):
		return database.ErrNotFound
	}
	return fmt.Errorf("%s ca row %s: %w", verb, table, err)
}

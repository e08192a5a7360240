package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sync/errgroup"
)

// bulkLoad is a floor: how long a bare Badger takes to load the cells into an empty database and to make them durable at
// the end. Opening and closing are not counted.
func bulkLoad(dir string, changes [][]cell) (took time.Duration, err error) {
	db, err := bare(dir, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close(), os.RemoveAll(dir)) }()
	begin := time.Now()
	batch := db.NewWriteBatch()
	defer batch.Cancel()
	for _, cells := range changes {
		for _, c := range cells {
			if err := batch.Set(c.key, c.value); err != nil {
				return 0, fmt.Errorf("load: %w", err)
			}
		}
	}
	if err := batch.Flush(); err != nil {
		return 0, fmt.Errorf("load: %w", err)
	}
	if err := db.Sync(); err != nil {
		return 0, fmt.Errorf("load: %w", err)
	}
	return time.Since(begin), nil
}

func bare(dir string, synced bool) (*badger.DB, error) {
	db, err := badger.Open(badger.DefaultOptions(dir).WithSyncWrites(synced).WithLogger(nil).WithMetricsEnabled(false).WithDetectConflicts(false))
	if err != nil {
		return nil, fmt.Errorf("open bare database: %w", err)
	}
	return db, nil
}

// grouped is a floor: callers that make each change durable in a bare Badger, through one goroutine that commits what
// has queued up as one synced transaction.
type grouped struct {
	db    *badger.DB
	queue chan order
	done  chan struct{} // closed when the committer has ended
}

type order struct {
	cells  []cell
	answer chan error // capacity 1
}

func newGrouped(dir string) (*grouped, error) {
	db, err := bare(dir, true)
	if err != nil {
		return nil, err
	}
	g := &grouped{db: db, queue: make(chan order, 1024), done: make(chan struct{})}
	go g.commit()
	return g, nil
}

func (g *grouped) close() error {
	close(g.queue)
	<-g.done
	return g.db.Close()
}

func (g *grouped) commit() {
	defer close(g.done)
	for first := range g.queue {
		group := []order{first}
		for range len(g.queue) {
			group = append(group, <-g.queue)
		}
		err := g.db.Update(func(t *badger.Txn) error {
			for _, o := range group {
				for _, c := range o.cells {
					if err := t.Set(c.key, c.value); err != nil {
						return err
					}
				}
			}
			return nil
		})
		for _, o := range group {
			o.answer <- err
		}
	}
}

// write makes the changes by that many callers, each of which waits for its own.
func (g *grouped) write(changes [][]cell, callers int) (time.Duration, error) {
	begin := time.Now()
	var all errgroup.Group
	for first := range callers {
		all.Go(func() error {
			answer := make(chan error, 1)
			for n := first; n < len(changes); n += callers {
				g.queue <- order{changes[n], answer}
				if err := <-answer; err != nil {
					return fmt.Errorf("write: %w", err)
				}
			}
			return nil
		})
	}
	err := all.Wait()
	return time.Since(begin), err
}

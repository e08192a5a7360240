package machine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

const (
	syncedBytes = 4 << 10 // of one write
	callers     = 64
	keptKeys    = 4096 // that commits write, again and again: what is measured does not fill the disk with keys
)

// syncs appends to a file and syncs it each time, as a commit of the store does.
func syncs(ctx context.Context, dir string, d time.Duration) (out []Reading, err error) {
	f, err := os.Create(filepath.Join(dir, "synced")) //nolint:gosec // the directory is our own
	if err != nil {
		return nil, fmt.Errorf("make a file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	block := make([]byte, syncedBytes)
	_, _ = rand.Read(block) // never fails
	times, err := timed(ctx, d, func() error {
		if _, err := f.Write(block); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return f.Sync()
	})
	if err != nil {
		return nil, err
	}
	return []Reading{
		duration("disk sync, median", percentile(times, 50), 10, "every change and every sign-in waits for one or two"),
		duration("disk sync, 99th percentile", percentile(times, 99), 50, "the same for one in a hundred"),
	}, nil
}

// commits makes durable changes in a store like the server's.
func commits(ctx context.Context, dir string, d time.Duration) (out []Reading, err error) {
	s, err := badger.Open(badger.Config{Dir: filepath.Join(dir, "store")})
	if err != nil {
		return nil, fmt.Errorf("open a store: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var n atomic.Uint64
	value := make([]byte, 300)
	change := func() error {
		key := fmt.Appendf(nil, "key/%d", n.Add(1)%keptKeys)
		return s.Update(ctx, func(w store.Writer) error { return w.Put(key, value, 0) })
	}
	alone, err := timed(ctx, d, change)
	if err != nil {
		return nil, ended(ctx, err)
	}
	together, err := repeat(ctx, callers, d, change)
	if err != nil {
		return nil, ended(ctx, err)
	}
	return []Reading{
		duration("durable change, median", percentile(alone, 50), 20, "one caller alone; an administrator's change takes this and the request"),
		rate("durable changes, 64 callers", together, 1000, "sessions and changes that a node can keep"),
	}, nil
}

// ended leaves out what the end of ctx did.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

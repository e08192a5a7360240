package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// followPause is how long Follow waits before it begins anew.
const followPause = 500 * time.Millisecond

// Standing is how something that follows stands, for readiness: who does not hear of others decides by what they knew. The zero value is well.
type Standing struct{ trouble atomic.Pointer[error] }

// Failed enters what Follow's trouble is told.
func (s *Standing) Failed(err error) { s.trouble.Store(&err) }

// Well says that the state was read anew.
func (s *Standing) Well() { s.trouble.Store(nil) }

// Health is what stands in the way since it was read last; nil = nothing.
func (s *Standing) Health() error {
	if err := s.trouble.Load(); err != nil {
		return *err
	}
	return nil
}

// Follow keeps what somebody has in memory of the keys under prefix in step with a store that others write to. It calls
// refresh, which reads the state anew, and then tell with the events of each later transaction; and both again whenever the
// watch has to begin anew or either of them fails, which trouble is told of. It returns when ctx ends or the store is closed.
func Follow(ctx context.Context, s Store, prefix []byte, refresh func(context.Context) error, tell func([]Event) error, trouble func(error)) {
	for ctx.Err() == nil {
		from, err := s.Revision(ctx)
		if err == nil {
			err = refresh(ctx)
		}
		if err == nil {
			err = s.Watch(ctx, prefix, from, tell)
		}
		if errors.Is(err, ErrClosed) || ctx.Err() != nil {
			return
		}
		if err != nil && !errors.Is(err, ErrCompacted) {
			trouble(err)
		}
		pause := time.NewTimer(followPause)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

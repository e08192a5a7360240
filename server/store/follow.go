package store

import (
	"context"
	"errors"
	"time"
)

// followPause is how long Follow waits before it begins anew.
const followPause = 500 * time.Millisecond

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

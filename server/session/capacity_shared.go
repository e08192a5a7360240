package session

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Where several nodes share the sessions store, the number of sessions in use lies there (CAMS-10): who makes or deletes one changes it in the
// same transaction, so however many sign in at once at however many nodes, there are never more than the limit. While there is no limit
// nothing is kept. What only ran out frees its place with the next count, which the node that works makes once a minute.

var keyPlaces = []byte("q/n")

// errUncounted says that the number is not kept: there was no limit until now.
var errUncounted = errors.New("session: sessions are not counted")

// maxPlaces is more sessions than any store has.
const maxPlaces = 1 << 40

// readPlaces gives counted = false while the number is not kept, or is none that was written here.
func readPlaces(r store.Reader) (n int, counted bool, err error) {
	v, err := get(r, keyPlaces)
	if err != nil || v == nil {
		return 0, false, err
	}
	if len(v) != 8 {
		return 0, false, nil // counted anew
	}
	places := binary.BigEndian.Uint64(v)
	if places > maxPlaces {
		return 0, false, nil
	}
	return int(places), true, nil
}

func writePlaces(w store.Writer, n int) error {
	return w.Put(keyPlaces, binary.BigEndian.AppendUint64(nil, uint64(max(n, 0))), 0)
}

// occupy takes the place in the transaction that makes the session; errFull when there is none.
func (p place) occupy(w store.Writer) error {
	if !p.free {
		return errFull
	}
	if p.shared == 0 {
		return nil
	}
	n, counted, err := readPlaces(w)
	switch {
	case err != nil:
		return err
	case !counted:
		return errUncounted
	case n >= p.shared:
		return errFull
	}
	return writePlaces(w, n+1)
}

// occupying runs a transaction that occupies, and counts first where that was not done yet.
func (e *Engine) occupying(ctx context.Context, fn func(store.Writer) error) error {
	err := e.cfg.Sessions.Update(ctx, fn)
	if !errors.Is(err, errUncounted) {
		return err
	}
	if err := e.recount(ctx); err != nil {
		return err
	}
	err = e.cfg.Sessions.Update(ctx, fn)
	if errors.Is(err, errUncounted) { // the limit was taken away just now
		return errFull
	}
	return err
}

// vacate gives the place of a session in use back, in the transaction that deletes it.
func (e *Engine) vacate(w store.Writer) error {
	if !e.cfg.Shared || e.capacity() == 0 {
		return nil
	}
	n, counted, err := readPlaces(w)
	if err != nil || !counted {
		return err
	}
	return writePlaces(w, n-1)
}

// taken gives the number that is kept, after a count where there was none.
func (e *Engine) taken(ctx context.Context) (n int, err error) {
	for counted := false; !counted; {
		err = e.cfg.Sessions.View(ctx, func(r store.Reader) error {
			n, counted, err = readPlaces(r)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("read number of sessions: %w", err)
		}
		if counted || e.capacity() == 0 {
			return n, nil
		}
		if err := e.recount(ctx); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// recountShared puts the number right. It is compared with what was kept in the very state that was counted, so what changes meanwhile
// counts on top.
func (e *Engine) recountShared(ctx context.Context) error {
	if e.capacity() == 0 {
		return e.forgetPlaces(ctx)
	}
	var n, was int
	var kept bool
	err := e.cfg.Sessions.View(ctx, func(r store.Reader) (err error) {
		if was, kept, err = readPlaces(r); err != nil {
			return err
		}
		n, err = e.countInUse(ctx, r)
		return err
	})
	if err == nil && (!kept || n != was) {
		err = e.cfg.Sessions.Update(ctx, func(w store.Writer) error {
			now, still, err := readPlaces(w)
			switch {
			case err != nil:
				return err
			case !still:
				return writePlaces(w, n)
			case !kept: // another node was first
				return nil
			}
			return writePlaces(w, now+n-was)
		})
	}
	if err != nil {
		return fmt.Errorf("count sessions: %w", err)
	}
	return nil
}

// forgetPlaces ends the count: what is made without a limit is not counted.
func (e *Engine) forgetPlaces(ctx context.Context) error {
	var counted bool
	err := e.cfg.Sessions.View(ctx, func(r store.Reader) (err error) {
		_, counted, err = readPlaces(r)
		return err
	})
	if err == nil && counted {
		err = e.cfg.Sessions.Update(ctx, func(w store.Writer) error { return w.Delete(keyPlaces) })
	}
	if err != nil {
		return fmt.Errorf("forget number of sessions: %w", err)
	}
	return nil
}

package session

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// sharedReservation is how long one counts that nobody released, because its node died: nodes' clocks may differ.
const sharedReservation = reservation + revocation.Skew

// reservedRecord is a reservation in the store.
type reservedRecord struct {
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
	By    string    `json:"by"` // folded cluster id of the data center where the person signs in
}

// keyReserved leads to a reservation; without a sign-on, to all of a user. Neither names of stores nor of users have a NUL.
func keyReserved(user string, sso mdc.SSOID) []byte {
	return []byte("q/r/" + user + "\x00" + string(sso))
}

// reserve reserves a place for a user's sign-on and gives the reservations that were there before; see reservations.add. Where nodes share
// the stores it is one transaction, so that of two sign-ins at two of them the later sees the earlier.
func (e *Engine) reserve(ctx context.Context, by, user string, own *Held, behind bool) (before []Held, err error) {
	now, at := e.now(), own.At
	before, ok := e.reserved.add(by, user, own, behind, now)
	if !ok {
		return nil, errReserving()
	}
	if !e.cfg.Shared {
		return before, nil
	}
	err = e.cfg.Sessions.Update(ctx, func(w store.Writer) error {
		*own = Held{own.SSOID, at}
		var taken bool
		if before, taken, err = readReserved(w, user, own, behind, now); err != nil || taken || len(before) >= maxHeld {
			return err
		}
		v, err := json.Marshal(reservedRecord{own.At, now.Add(sharedReservation), mdc.FoldName(by)})
		if err != nil {
			return fmt.Errorf("encode reservation: %w", err)
		}
		return w.Put(keyReserved(user, own.SSOID), v, sharedReservation)
	})
	if err != nil {
		e.reserved.drop(by, user, own.SSOID)
		return nil, fmt.Errorf("reserve a place for a sign-on: %w", err)
	}
	return before, nil
}

func readReserved(r store.Reader, user string, own *Held, behind bool, now time.Time) (before []Held, taken bool, err error) {
	prefix := keyReserved(user, "")
	err = r.Range(store.Span{Prefix: prefix}, func(k, v []byte) error {
		var other reservedRecord
		if err := json.Unmarshal(v, &other); err != nil {
			return fmt.Errorf("decode reservation: %w", err)
		}
		sso := mdc.SSOID(k[len(prefix):])
		switch {
		case !other.Until.After(now):
			return nil
		case sso == own.SSOID:
			taken = true
			return nil
		}
		before = append(before, Held{sso, other.At})
		if behind && !own.At.After(other.At) {
			own.At = other.At.Add(time.Millisecond)
		}
		return nil
	})
	return before, taken, err
}

// release ends a reservation of that data center.
func (e *Engine) release(ctx context.Context, by, user string, sso mdc.SSOID) error {
	e.reserved.drop(by, user, sso)
	if !e.cfg.Shared {
		return nil
	}
	err := e.cfg.Sessions.Update(context.WithoutCancel(ctx), func(w store.Writer) error {
		v, err := get(w, keyReserved(user, sso))
		var there reservedRecord
		if err != nil || v == nil || json.Unmarshal(v, &there) != nil || there.By != mdc.FoldName(by) {
			return err
		}
		return w.Delete(keyReserved(user, sso))
	})
	if err != nil {
		return fmt.Errorf("release the place of a sign-on: %w", err)
	}
	return nil
}

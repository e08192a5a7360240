package enrolment

import (
	"context"
	"crypto/hmac"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Show is a token that somebody shows.
type Show struct {
	ID        string
	Purpose   string
	Name      string                // cluster id of the data center that joins; "" for the others
	From      string                // address, for the record
	RequestID string                //
	Proves    func(key []byte) bool // whether the holder proved that it has the secret, whose Key is given; it must compare in constant time
}

// Holds proves possession by the secret itself.
func Holds(secret []byte) func(key []byte) bool {
	return func(key []byte) bool { return hmac.Equal(Key(secret), key) }
}

// refused is the one answer to who does not have the secret: it tells nothing of the token.
func refused() error {
	return fault.New(fault.Forbidden, "join_token_refused", "The join token is not valid here: it is another data center's, was mistyped, or is not known any more. Ask for a new one.")
}

// Redeem spends the token that is shown: when it returns without an error, that is on stable storage, and no other call ever
// succeeds with it. fault.Forbidden "join_token_refused" for an unknown token and for a wrong secret, of which five lock the token;
// with a code of its own for a right secret that comes too late or for something else.
func (d *Desk) Redeem(ctx context.Context, s Show) (t Token, err error) {
	now := d.c.Clock.Now().UTC()
	if s.ID == "" || len(s.ID) > 64 {
		return t, refused()
	}
	var verdict error
	err = d.c.Store.Update(ctx, func(w store.Writer) error {
		var found bool
		verdict = nil
		if t, found, err = get(w, s.ID); err != nil {
			return err
		}
		if !found {
			verdict = refused()
			return nil
		}
		if t.State(now) == Locked {
			verdict = refused()
			return nil
		}
		if !s.Proves(t.Hash) {
			verdict = refused()
			if t.State(now) != Open {
				return nil
			}
			return d.failure(w, s, t)
		}
		if verdict = t.admit(s, now); verdict != nil {
			return nil //nolint:nilerr // the refusal is the answer, not a fault of the store
		}
		t.UsedAt, t.UsedFrom = now, s.From
		if err := put(w, t, now); err != nil {
			return err
		}
		return d.note(w, Actor{Name: "join-token:" + t.ID, RequestID: s.RequestID, Address: s.From}, "redeem", t)
	})
	if err == nil {
		err = verdict
	}
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

// failure counts a wrong secret; the one that locks the token is in the audit.
func (d *Desk) failure(w store.Writer, s Show, t Token) error {
	now := d.c.Clock.Now().UTC()
	t.Failures++
	if err := put(w, t, now); err != nil {
		return err
	}
	if t.Failures < maxFailures {
		return nil
	}
	return d.note(w, Actor{Name: "address:" + s.From, RequestID: s.RequestID, Address: s.From}, "lock", t)
}

// admit says whether who has the secret may use the token so, now.
func (t Token) admit(s Show, now time.Time) error {
	switch t.State(now) {
	case Used:
		return fault.New(fault.Forbidden, "join_token_used", "The join token was used already; each works once. If that was not you, whoever did has what it was for: revoke it. Ask for a new one.")
	case Revoked:
		return fault.New(fault.Forbidden, "join_token_revoked", "The join token was withdrawn. Ask for a new one.")
	case Expired:
		return fault.New(fault.Forbidden, "join_token_expired", "The join token has expired. Ask for a new one; compare the clocks.")
	case Locked:
		return refused()
	}
	if t.Purpose != s.Purpose {
		return fault.New(fault.Forbidden, "join_token_purpose", "The join token is for another purpose: %s.", t.Purpose)
	}
	if t.Purpose == DataCenter && t.Name != "" && !mdc.SameName(t.Name, s.Name) {
		return fault.New(fault.Forbidden, "join_token_other_data_center", "The join token is for the data center %q only.", t.Name)
	}
	return nil
}

package ca

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// The bundle's sequence only grows, also when a node's file changes between the embedded and an external authority: each has
// its own, and whichever comes into force goes past the other's.

// keptSequence is the sequence in the record under key; 0 without one.
func keptSequence(ctx context.Context, s store.Store, key string) (sequence uint64, err error) {
	err = s.View(ctx, func(r store.Reader) error {
		sequence, err = sequenceOf(r, key)
		return err
	})
	return sequence, err
}

func sequenceOf(r store.Reader, key string) (uint64, error) {
	raw, err := r.Get([]byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read sequence: %w", err)
	}
	var record struct {
		Sequence uint64 `json:"sequence"`
	}
	if err := json.Unmarshal(raw, &record); err != nil {
		return 0, fmt.Errorf("decode sequence: %w", err)
	}
	return record.Sequence, nil
}

// passSequence lets the kept embedded authority go past an external one that was in force before it. The rest of its record
// stays as it is.
func passSequence(ctx context.Context, c Config) error {
	return c.Store.Update(ctx, func(w store.Writer) error {
		external, err := sequenceOf(w, anchorKey)
		if err != nil || external == 0 {
			return err
		}
		own, err := sequenceOf(w, identityKey)
		if err != nil || own == 0 || own > external {
			return err
		}
		raw, err := w.Get([]byte(identityKey))
		if err != nil {
			return err
		}
		record := map[string]json.RawMessage{}
		if err := json.Unmarshal(raw, &record); err != nil {
			return fmt.Errorf("decode authority: %w", err)
		}
		record["sequence"] = json.RawMessage(fmt.Sprint(external + 1))
		if raw, err = json.Marshal(record); err != nil {
			return fmt.Errorf("encode authority: %w", err)
		}
		c.Logger.WarnContext(ctx, "the root of this data center changed back to the embedded authority's; its partners have to be given that one")
		return w.Put([]byte(identityKey), raw, 0)
	})
}

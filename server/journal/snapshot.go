package journal

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Snapshot reads one consistent state of all objects.
type Snapshot struct {
	r   store.Reader
	l   *Log
	pos *position // read at first need

	own  *mdc.DataCenter // likewise
	last lastRead
}

// lastRead is the object that was read last. A change reads its own more than once.
type lastRead struct {
	key   string // of the store; "" = none
	body  []byte
	found bool
}

// forget makes a transaction that changes an object of a kind read again.
func (s *Snapshot) forget(kind mdc.Kind) {
	if s.last = (lastRead{}); kind.Name == mdc.DataCenterKind().Name {
		s.own = nil
	}
}

// Reader gives the underlying transaction, for rooms that keep their own keys in the same store.
func (s *Snapshot) Reader() store.Reader { return s.r }

func (s *Snapshot) position() (*position, error) {
	if s.pos == nil {
		b, err := s.r.Get(PositionKey())
		if err != nil {
			return nil, fmt.Errorf("read position: %w", err)
		}
		p, err := s.l.positions.get(b, readPosition)
		if err != nil {
			return nil, fmt.Errorf("read position: %w", err)
		}
		s.pos = &p
	}
	return s.pos, nil
}

// Position gives the position of this state.
func (s *Snapshot) Position() (mdc.Position, error) {
	p, err := s.position()
	if err != nil {
		return mdc.Position{}, err
	}
	return p.Position, nil
}

// Body gives the plain canonical form of an object; found is false when there is none.
func (s *Snapshot) Body(kind mdc.Kind, name string) (body []byte, found bool, err error) {
	e, edited, err := s.editOf(kind, kind.Key(name))
	if err != nil {
		return nil, false, err
	}
	body, found, err = s.base(kind, name)
	if err == nil && edited && e.over(body, found) {
		return e.Body, e.Operation == Put, nil
	}
	return body, found, err
}

// base is Body without this clone's edits: what the digest stands for.
func (s *Snapshot) base(kind mdc.Kind, name string) (body []byte, found bool, err error) {
	p, err := s.position()
	if err != nil {
		return nil, false, err
	}
	at := objectKey(kind, p.Generation, name)
	if s.last.key == string(at) {
		return s.last.body, s.last.found, nil
	}
	b, err := s.r.Get(at)
	if errors.Is(err, store.ErrNotFound) {
		s.last = lastRead{key: string(at)}
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %s %s: %w", kind.Name, name, err)
	}
	if b, err = s.l.plain(kind, kind.Key(name), b); err == nil {
		s.last = lastRead{string(at), b, true}
	}
	return b, err == nil, err
}

// Get gives an object. Of a singleton that was never written it gives the defaults; of anything else that is absent a
// fault.NotFound.
func (s *Snapshot) Get(kind mdc.Kind, name string) (mdc.Object, error) {
	b, found, err := s.Body(kind, name)
	switch {
	case err != nil:
		return nil, err
	case found:
		return kind.Decode(b)
	case kind.Singleton:
		return kind.New(), nil
	}
	return nil, NotFound(kind, name)
}

// NotFound says that there is no such object.
func NotFound(kind mdc.Kind, name string) error {
	return fault.New(fault.NotFound, "not_found", "There is no %s named %q here.", kind.Name, name)
}

// Range visits the objects of a kind in the order of their keys, those after the key spelling `after`.
func (s *Snapshot) Range(kind mdc.Kind, after string, visit func(key string, body []byte) error) error {
	p, err := s.position()
	if err != nil {
		return err
	}
	if p.Edits > 0 && kind.Scope == mdc.Replicated {
		return s.rangeEdited(kind, after, visit)
	}
	return s.rangeBase(kind, after, visit)
}

// rangeBase is Range without this clone's edits.
func (s *Snapshot) rangeBase(kind mdc.Kind, after string, visit func(key string, body []byte) error) error {
	p, err := s.position()
	if err != nil {
		return err
	}
	prefix := kindPrefix(kind, p.Generation)
	span := store.Span{Prefix: prefix}
	if after != "" {
		span.After = append(bytes.Clone(prefix), after...)
	}
	return s.r.Range(span, func(k, v []byte) error {
		key := string(k[len(prefix):])
		b, err := s.l.plain(kind, key, v)
		if err != nil {
			return err
		}
		return visit(key, b)
	})
}

// Records gives the records after a sequence, in order, until their bodies exceed maxBytes (at least one).
func (s *Snapshot) Records(after uint64, maxBytes int) ([]Record, error) {
	p, err := s.position()
	if err != nil {
		return nil, err
	}
	var out []Record
	size := 0
	err = s.r.Range(store.Span{Prefix: generationPrefix(recordSpace, p.Generation), After: recordKey(p.Generation, after)}, func(_, v []byte) error {
		rec, err := s.l.decode(v)
		if err != nil {
			return err
		}
		if size += len(v); len(out) > 0 && size > maxBytes {
			return store.ErrStop
		}
		out = append(out, rec)
		return nil
	})
	return out, err
}

// DigestAt gives the digest after a sequence; found is false when the journal does not reach back that far, or not that
// far yet.
func (s *Snapshot) DigestAt(sequence uint64) (digest string, found bool, err error) {
	p, err := s.position()
	if err != nil {
		return "", false, err
	}
	switch sequence {
	case p.Sequence:
		return p.Digest, true, nil
	case p.Base:
		return p.BaseDigest, true, nil
	}
	rec, err := s.l.record(s.r, p.Generation, sequence)
	if errors.Is(err, store.ErrNotFound) {
		return "", false, nil
	}
	return rec.Digest, err == nil, err
}

// Items visits every replicated object, for a snapshot that travels; edits stay where they were made.
func (s *Snapshot) Items(visit func(Item) error) error {
	for _, kind := range mdc.Kinds() {
		if kind.Scope != mdc.Replicated {
			continue
		}
		err := s.rangeBase(kind, "", func(key string, body []byte) error {
			return visit(Item{Kind: kind.Name, Name: key, Body: body})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) record(r store.Reader, generation, sequence uint64) (Record, error) {
	b, err := r.Get(recordKey(generation, sequence))
	if err != nil {
		return Record{}, fmt.Errorf("read record %d: %w", sequence, err)
	}
	return l.decode(b)
}

func (l *Log) decode(b []byte) (Record, error) {
	rec, err := decodeRecord(b)
	if err != nil {
		return Record{}, err
	}
	kind, ok := l.kinds[rec.Kind]
	if !ok {
		return Record{}, fmt.Errorf("record %d has the unknown kind %q", rec.Sequence, rec.Kind)
	}
	if rec.Operation == Delete {
		return rec, nil
	}
	body, err := l.plain(kind, rec.Name, rec.Body)
	rec.Body = body
	return rec, err
}

func (l *Log) plain(kind mdc.Kind, key string, b []byte) ([]byte, error) {
	if !kind.Secret {
		return b, nil
	}
	p, err := l.c.Wrapper.Unwrap(b, wrapContext(kind.Name, key))
	if err != nil {
		return nil, fmt.Errorf("unwrap %s %s: %w: %w", kind.Name, key, errDamaged, err)
	}
	return p, nil
}

func (l *Log) atRest(kind mdc.Kind, key string, b []byte) ([]byte, error) {
	if !kind.Secret {
		return b, nil
	}
	w, err := l.c.Wrapper.Wrap(b, wrapContext(kind.Name, key))
	if err != nil {
		return nil, fmt.Errorf("wrap %s %s: %w", kind.Name, key, err)
	}
	return w, nil
}

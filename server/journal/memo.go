package journal

import (
	"bytes"
	"sync/atomic"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// memo remembers what the last bytes came to: a few small values are read with every change, and hardly ever differ from the
// time before. A value that is handed out is a copy.
type memo[T any] struct{ last atomic.Pointer[memoed[T]] }

type memoed[T any] struct {
	raw   []byte
	value T
}

func (m *memo[T]) get(raw []byte, read func([]byte) (T, error)) (T, error) {
	if last := m.last.Load(); last != nil && bytes.Equal(last.raw, raw) {
		return last.value, nil
	}
	value, err := read(raw)
	if err == nil {
		m.put(raw, value)
	}
	return value, err
}

// put remembers what raw comes to. Nobody may change raw any more.
func (m *memo[T]) put(raw []byte, value T) { m.last.Store(&memoed[T]{raw, value}) }

// DataCenter gives this data center's declaration, its defaults when nothing was declared. It is the caller's own.
func (s *Snapshot) DataCenter() (*mdc.DataCenter, error) {
	if s.own == nil {
		d, err := s.dataCenter()
		if err != nil {
			return nil, err
		}
		s.own = d
	}
	d := *s.own
	if d.WriteEnabled != nil {
		open := *d.WriteEnabled
		d.WriteEnabled = &open
	}
	return &d, nil
}

func (s *Snapshot) dataCenter() (*mdc.DataCenter, error) {
	kind := mdc.DataCenterKind()
	body, found, err := s.Body(kind, mdc.SingletonName)
	if err != nil {
		return nil, err
	}
	if !found {
		return mdc.As[*mdc.DataCenter](kind.New())
	}
	d, err := s.l.dataCenters.get(body, func(b []byte) (mdc.DataCenter, error) {
		o, err := kind.Decode(b)
		if err != nil {
			return mdc.DataCenter{}, err
		}
		d, err := mdc.As[*mdc.DataCenter](o)
		if err != nil {
			return mdc.DataCenter{}, err
		}
		return *d, nil
	})
	return &d, err
}

package app

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// epochs keeps the epoch in which this data center stands, which every message between data centers carries: it is read from
// the store only when it may have changed.
type epochs struct {
	log *journal.Log

	mu  sync.Mutex // guards now; held over a read: commits overlap, and the older one must not come last
	now mdc.Epoch
}

func newEpochs(ctx context.Context, log *journal.Log) (*epochs, error) {
	e := &epochs{log: log}
	log.OnChange(func(changes []journal.Change) {
		for _, c := range changes {
			if c.Kind == "" || c.Kind == mdc.DataCenterKind().Name || c.Kind == mdc.PromotionKind().Name {
				_ = e.read(context.Background()) // the former one is shown on until the store can be read
				return
			}
		}
	})
	return e, e.read(ctx)
}

func (e *epochs) read(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	pos, err := e.log.Position(ctx)
	if err == nil {
		e.now = pos.Epoch
	}
	return err
}

// Epoch gives it.
func (e *epochs) Epoch() mdc.Epoch {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

// label is what each question to a partner says of this data center, besides the certificate, which is the proof.
type label struct {
	clusterID, version string
	clock              clock.Clock
	epoch              func() mdc.Epoch
}

// on gives the headers of a question with the label on it.
func (l label) on(h http.Header) http.Header {
	if h = h.Clone(); h == nil {
		h = http.Header{}
	}
	h.Set(wire.HeaderCluster, l.clusterID)
	h.Set(wire.HeaderVersion, l.version)
	h.Set(wire.HeaderEpoch, l.epoch().String())
	h.Set(wire.HeaderTime, l.clock.Now().UTC().Format(time.RFC3339Nano))
	return h
}

package app

import (
	"context"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/identity"
)

const turnsEvery = 200 * time.Millisecond // how late other nodes hear of a wrong password; of more than one message takes they do not

// series tells the other nodes of this data center of wrong passwords in a row, so that the pauses of who guesses on grow with all of them
// (SEC-32). Each node counts all; nothing is written.
type series struct {
	tally *tally
	turns chan identity.Turn
}

func newSeries(t *tally) *series { return &series{t, make(chan identity.Turn, wire.MaxPasswordTurns)} }

// note takes one. It never waits.
func (s *series) note(t identity.Turn) {
	select {
	case s.turns <- t:
	default:
	}
}

// Run tells what is new until ctx ends. It gives nil.
func (s *series) Run(ctx context.Context) error {
	tick := time.NewTicker(turnsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var news wire.PasswordTurns
		for range len(s.turns) {
			t := <-s.turns
			news.Turns = append(news.Turns, wire.PasswordTurn{Series: t.Series, Source: t.Source, Wrong: t.Wrong})
		}
		if len(news.Turns) > 0 {
			s.tell(ctx, news)
		}
	}
}

func (s *series) tell(ctx context.Context, news wire.PasswordTurns) {
	var telling sync.WaitGroup
	for _, node := range s.tally.others(ctx) {
		if s.tally.isSilent(node) {
			continue
		}
		telling.Go(func() {
			_ = s.tally.askNode(ctx, node, client.Request{Path: "/peer/v1/neighbours/password-turns", In: news}) // it logs
		})
	}
	telling.Wait()
}

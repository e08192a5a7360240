package testkit

import (
	"context"
	"sync"
	"sync/atomic"
)

// Adoption is a load over the link between two data centers: without a pause somebody signs in at one and goes to the other, which
// has to ask for the session.
type Adoption struct {
	home   *DataCenter
	rounds atomic.Int64
	failed atomic.Int64
	stop   func()
}

// Adoptions are several.
type Adoptions []*Adoption

// Adopt starts one for a user of both; application is on a host of both. Stop ends it.
func Adopt(home, other *DataCenter, application Application, user string) *Adoption {
	ctx, cancel := context.WithCancel(home.t.Context())
	l := &Adoption{home: home}
	var busy sync.WaitGroup
	busy.Go(func() {
		for ctx.Err() == nil {
			l.round(home.Fresh(), other.Fresh(), application, user)
		}
	})
	l.stop = func() {
		cancel()
		busy.Wait()
	}
	home.t.Cleanup(l.stop)
	return l
}

// round has whoever begins know the roots of the moment: a rotation waits for those who trust a copy.
func (l *Adoption) round(home, other *DataCenter, application Application, user string) {
	defer l.rounds.Add(1)
	done := false
	defer func() {
		if !done {
			l.failed.Add(1)
		}
	}()
	b := NewBrowser(home.t, home, other)
	defer b.Close()
	first := b.Open(application.Through(home), user, Password)
	then := b.Open(application.Through(other), "", "")
	if done = first.User == user && then.User == user && !then.Asked; !done {
		home.t.Logf("%s to %s, round %d: %+v, then %+v", home.ClusterID, other.ClusterID, l.rounds.Load(), first, then)
	}
}

// More waits until each has begun and ended so many rounds from now on.
func (all Adoptions) More(rounds int64) {
	for _, l := range all {
		was := l.rounds.Load()
		l.home.Within(patience, "a round of the load", func() bool { return l.rounds.Load() > was+rounds })
	}
}

// Stop ends all, and says how many rounds there were and how many of them failed.
func (all Adoptions) Stop() (rounds, failed int64) {
	for _, l := range all {
		l.stop()
		rounds, failed = rounds+l.rounds.Load(), failed+l.failed.Load()
	}
	return rounds, failed
}

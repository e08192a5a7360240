package main

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// What people do.
const (
	signsIn    = "sign-in"
	authorizes = "authorize"
	signsOut   = "sign-out"
)

func visitorName(i int) string { return "person" + strconv.Itoa(i) }

// visitor is a person and the model of what was acknowledged to them: one sign-on, or none, and those that were ended. All
// fields belong to its goroutine.
type visitor struct {
	n       *nodes
	user    string
	door    *door
	current string // the agent's cookie of the sign-on; "" = none, or being ended
	ended   []*endedSignOn
	calm    int64 // sightings.calm when the last question was asked
}

// endedSignOn is one whose end was acknowledged.
type endedSignOn struct {
	cookie string
	at     time.Time    // of the acknowledgement
	obeyed map[int]bool // nodes that refused it since
}

func newVisitor(n *nodes, user string) *visitor {
	return &visitor{n: n, user: user, door: newDoor(n, user)}
}

func (v *visitor) node() int { return rand.IntN(len(v.n.all)) }

func (v *visitor) run(ctx context.Context) {
	for ctx.Err() == nil {
		if v.current = v.signIn(ctx); v.current == "" {
			v.n.s.let(20 * time.Millisecond)
			continue
		}
		for range 5 + rand.IntN(20) {
			v.use(ctx, v.node())
			v.old(ctx)
			v.n.s.let(5 * time.Millisecond)
		}
		if ctx.Err() == nil {
			v.signOut(ctx)
		}
	}
}

// signIn gives a password at one node and enters the application by any others; "" when nobody answered.
func (v *visitor) signIn(ctx context.Context) string {
	cookies, err := v.door.authenticate(v.at(), v.node())
	if err != nil {
		v.unanswered(ctx, err)
		return ""
	}
	v.n.seen.heard(signsIn)
	for ctx.Err() == nil { // it is acknowledged: every node that answers has to know it
		cookie, refusal, err := v.door.enter(v.at(), [3]int{v.node(), v.node(), v.node()}, cookies)
		switch {
		case err != nil:
			v.unanswered(ctx, err)
		case refusal != "":
			v.n.seen.complain("an acknowledged sign-in of %s is not known: %s", v.user, refusal)
			return ""
		default:
			return cookie
		}
	}
	return ""
}

// use wants the present sign-on to be allowed.
func (v *visitor) use(ctx context.Context, node int) {
	if v.current == "" {
		return
	}
	answer, err := v.door.authorize(v.at(), node, v.current)
	switch {
	case err != nil:
		v.unanswered(ctx, err)
		return
	case answer.Decision != wire.DecisionAllow:
		v.n.seen.complain("node %d refuses an acknowledged sign-in of %s: %s %s", node+1, v.user, answer.Decision, answer.Reason)
		v.current = ""
	case answer.User != v.user:
		v.n.seen.complain("node %d takes %s for %s", node+1, v.user, answer.User)
	}
	v.n.seen.heard(authorizes)
	v.n.seen.visits.Add(1)
}

// signOut goes on until a node acknowledges it, then measures how long another one takes to obey.
func (v *visitor) signOut(ctx context.Context) {
	cookie := v.current
	if v.current = ""; cookie == "" {
		return
	}
	node := v.node()
	for {
		err := v.door.signOut(v.at(), node, cookie)
		if err == nil {
			break
		}
		v.unanswered(ctx, err)
		if v.n.seen.count("unknown"); ctx.Err() != nil {
			return // nobody knows whether it ended
		}
		node = v.node()
		v.n.s.let(20 * time.Millisecond)
	}
	v.n.seen.heard(signsOut)
	e := &endedSignOn{cookie: cookie, at: time.Now(), obeyed: map[int]bool{}}
	v.ended = append(v.ended, e)
	other := (node + 1 + rand.IntN(len(v.n.all)-1)) % len(v.n.all)
	for ctx.Err() == nil && time.Since(e.at) < 2*staleBound {
		if refused, answered := v.again(ctx, e, other); refused {
			v.n.seen.obeyed(time.Since(e.at))
			return
		} else if !answered {
			return // it is being killed: what it says later is looked at later
		}
	}
}

// old asks about a sign-on that was ended, one of the last mostly.
func (v *visitor) old(ctx context.Context) {
	if len(v.ended) == 0 {
		return
	}
	last := min(len(v.ended), 10)
	if rand.IntN(4) == 0 {
		last = len(v.ended)
	}
	v.again(ctx, v.ended[len(v.ended)-1-rand.IntN(last)], v.node())
}

// again shows a cookie of an ended sign-on. Within the bound a node that has not heard may allow it; one that has refused it never
// does.
func (v *visitor) again(ctx context.Context, e *endedSignOn, node int) (refused, answered bool) {
	began := time.Now()
	answer, err := v.door.authorize(v.at(), node, e.cookie)
	if err != nil {
		v.unanswered(ctx, err)
		return false, false
	}
	v.n.seen.heard(authorizes)
	if answer.Decision != wire.DecisionAllow {
		e.obeyed[node] = true
		return true, true
	}
	after := began.Sub(e.at)
	switch {
	case after > staleBound:
		v.n.seen.complain("node %d allows a sign-on of %s that was ended %s before", node+1, v.user, after)
	case e.obeyed[node]:
		v.n.seen.complain("node %d allows a sign-on of %s that it refused before", node+1, v.user)
	}
	return false, true
}

// at begins a question.
func (v *visitor) at() context.Context {
	v.calm = v.n.seen.calm.Load()
	return v.n.s.Context()
}

// unanswered counts what nobody answered. While nothing is killed only a door may be closed.
func (v *visitor) unanswered(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if v.n.seen.count("unanswered"); v.calm%2 == 1 && v.calm == v.n.seen.calm.Load() && !unsent(err) {
		v.n.seen.complain("a request of %s failed during an orderly restart: %v", v.user, err)
	}
}

// mostSettled bounds how many ended sign-ons of a person are looked at in the end.
const mostSettled = 300

// settle asks once more about every sign-on at every node, all of which are up.
func (v *visitor) settle(ctx context.Context) {
	for node := range v.n.all {
		v.use(ctx, node)
		for _, e := range v.ended[max(0, len(v.ended)-mostSettled):] {
			if _, answered := v.again(ctx, e, node); !answered {
				v.n.seen.complain("node %d, which is ready, does not answer", node+1)
			}
		}
	}
}

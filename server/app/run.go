package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// catchUpWait is how long a start waits for one partner's ended sign-ons.
const catchUpWait = 3 * time.Second

// Run starts one node and serves until ctx ends; then it drains and closes. Options.LeaveTime goes before that of the file.
func Run(ctx context.Context, cfg *config.Node, opts Options) error {
	if opts.LeaveTime == 0 {
		opts.LeaveTime = cfg.LeaveTime
	}
	n, err := Open(ctx, cfg, opts)
	if err != nil {
		return err
	}
	return n.Run(ctx)
}

// readiness is what keeps a node from being given users.
type readiness struct {
	revocations atomic.Bool // what was missed while we were down is here, from every partner that answers
	sessions    atomic.Bool // every table of the sessions store was read and is sound
	draining    atomic.Bool
	trust, keys atomic.Bool // the last reload failed; it is tried again
}

// caughtUp says that this data center knows what it does not know.
func (r *readiness) caughtUp() bool { return r.revocations.Load() }

// knows says whether this data center can tell "there is no such session" from "not read yet": partners get 503 otherwise.
func (n *Node) knows() bool {
	if !n.ready.caughtUp() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	ok, _, err := n.follower.Ready(ctx)
	return err == nil && ok
}

// reasons tells why the node is not ready; empty when it is.
func (n *Node) reasons() []string {
	var out []string
	if n.ready.draining.Load() {
		out = append(out, "the node is stopping")
	}
	if !n.ready.caughtUp() {
		out = append(out, "the sign-outs of the other data centers are being caught up with")
	}
	if !n.ready.sessions.Load() {
		out = append(out, "the sessions store is being checked")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if ok, why, err := n.follower.Ready(ctx); err != nil {
		out = append(out, "the state store cannot be read")
	} else if !ok {
		out = append(out, why)
	}
	if n.ready.trust.Load() {
		out = append(out, "the declared trust cannot be read")
	}
	if n.ready.keys.Load() {
		out = append(out, "the cookie keys cannot be read")
	}
	if err := n.members.Health(); err != nil && n.shared() {
		out = append(out, err.Error())
	}
	if err := n.engine.Following(); err != nil {
		out = append(out, fmt.Sprintf("the sessions of the other nodes are not followed: %v", err))
	}
	out = append(out, n.certificateReasons()...)
	for name, s := range map[string]interface{ Health() error }{"state": n.state, "sessions": n.sessions} {
		if err := s.Health(); err != nil {
			out = append(out, fmt.Sprintf("the %s store is in trouble: %v", name, err))
		}
	}
	return out
}

// Run serves until ctx ends or a part fails, drains, and closes everything. It gives nil after an orderly stop.
func (n *Node) Run(ctx context.Context) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx)) // ends after the listeners have drained
	defer stopWork()
	background, backgroundCtx := errgroup.WithContext(work)
	for _, part := range n.parts() {
		background.Go(func() error { return part(backgroundCtx) })
	}
	serving, servingCtx := errgroup.WithContext(work)
	open, closeDoors := context.WithCancel(servingCtx)
	serving.Go(func() error {
		defer closeDoors()
		return n.untilToldToStop(ctx, servingCtx, backgroundCtx)
	})
	serving.Go(func() error { return n.publisher.Run(open) })
	serving.Go(func() error { return n.feed.Run(open) }) // its end lets long polls go, which would hold up the drain
	n.listeners[1].mark = n.handlers.RuntimeConnection
	for i, h := range []http.Handler{n.handlers.Admin(), n.handlers.Runtime(), n.handlers.Peer()} {
		serving.Go(func() error { return n.listeners[i].serve(open, n.parting(n.still.before(h)), n.log) })
	}
	err := serving.Wait()
	stopWork()
	err = errors.Join(err, background.Wait())
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err = errors.Join(err, n.members.Leave(last), n.engine.Flush(last), n.events.Flush(last), n.close())
	n.log.Info("node stopped")
	return err
}

// parts is what runs beside the listeners until the node stops.
func (n *Node) parts() []func(context.Context) error {
	parts := append(n.eachNode(), n.members.Run)
	if !n.shared() { // this node is all there is, so it does the work without a lease
		return append(append(parts, n.oneNode()...), n.engine.Run)
	}
	for _, part := range n.sharing() {
		parts = append(parts, part.follow)
	}
	return append(parts, n.followRoots, n.still.Run, n.people.series.Run, n.work)
}

// eachNode is what every node does for itself: its certificates, its picture of the partners, its files, its audit records.
func (n *Node) eachNode() []func(context.Context) error {
	return []func(context.Context) error{
		n.authority.Run,
		n.partners.Run,
		n.mastership.Run,
		n.assertions.Run,
		n.catchUp,
		n.verifySessions,
		n.reloads,
		n.fetcher.Run,
		n.collect,
		n.recordRefusals,
		n.events.Run,
		n.examineRuntime,
		n.watchExpiry,
		n.refresher.Run,
		n.people.changes.Run,
		n.admission.Run,
	}
}

// oneNode is what one node at a time does for the data center.
func (n *Node) oneNode() []func(context.Context) error {
	return []func(context.Context) error{
		n.pairings.Run,
		n.follower.Run,
		n.keeper.Run,
		n.retain,
		n.retainAudit,
	}
}

// work does it while this node holds the lease.
func (n *Node) work(ctx context.Context) error {
	return n.lease.Run(ctx, n.log, func(ctx context.Context) error {
		turn, ctx := errgroup.WithContext(ctx)
		for _, part := range append(n.oneNode(), n.engine.Work) {
			turn.Go(func() error { return part(ctx) })
		}
		return turn.Wait()
	})
}

func (n *Node) followJournal(ctx context.Context) error { return n.journal.Follow(ctx, n.log) }

// untilToldToStop returns when the listeners have to close: a while after ctx ended, in which the node says that it is not
// ready (FLT-30), or at once when a part has failed.
func (n *Node) untilToldToStop(ctx, servingCtx, backgroundCtx context.Context) error {
	select {
	case <-backgroundCtx.Done():
		return context.Cause(backgroundCtx)
	case <-servingCtx.Done():
		return nil
	case <-ctx.Done():
	}
	n.ready.draining.Store(true)
	n.log.Info("node is stopping")
	leave := time.NewTimer(n.opts.LeaveTime)
	defer leave.Stop()
	select {
	case <-leave.C:
	case <-servingCtx.Done():
	}
	return nil
}

// parting tells callers by HTTP/1.1 to use another connection once the node was told to stop. A load balancer that keeps connections
// for later would otherwise send a request over one in the moment in which the door closes, and may not repeat it when it is a
// POST. HTTP/2 needs none of it: at its end a connection says which requests were not taken up (RFC 9113 section 6.8).
func (n *Node) parting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && n.ready.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}

// catchUp takes over what was ended elsewhere while this node was down, before it says that it is ready.
func (n *Node) catchUp(ctx context.Context) error {
	if err := n.engine.CatchUp(ctx, catchUpWait); err != nil && ctx.Err() == nil {
		n.log.Warn("some partners could not tell which sign-ons ended; they will when they can be reached", "error", err)
	}
	n.ready.revocations.Store(true)
	return nil
}

// verifySessions reads the whole sessions store. Requests are answered meanwhile, since that takes a second for some million
// sessions, and reading what is damaged is an error at once; but the node says that it is ready only when all of it is sound (FLT-07).
func (n *Node) verifySessions(context.Context) error {
	err := n.sessions.Verify()
	switch {
	case errors.Is(err, store.ErrClosed):
		return nil
	case err != nil:
		return sessionsFault(err)
	}
	n.ready.sessions.Store(true)
	return nil
}

// reloads follows Options.Reload, and repeats what a change of the configuration could not carry out.
func (n *Node) reloads(ctx context.Context) error {
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		select {
		case <-n.opts.Reload:
			n.reload()
		case <-again.C:
			if n.ready.trust.Load() {
				n.reloadTrust()
			}
			if n.ready.keys.Load() {
				n.reloadKeys()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

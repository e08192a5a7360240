package session

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
)

const maxKind = 64 // bytes of an unknown event's kind that are logged

// ReceiveEvents takes what the partner from says about sign-ons that it shows the proof of, or that were retrieved to it.
// What does not apply, or is of a kind that only a newer version knows, is passed over: the sender has nothing to repeat.
func (e *Engine) ReceiveEvents(ctx context.Context, from string, events []Event) error {
	if err := e.checkCaller(from); err != nil {
		return err
	}
	if len(events) > maxEvents {
		return fault.New(fault.TooLarge, "too_large", "A batch has at most %d events.", maxEvents)
	}
	unknown, kind := 0, ""
	var touches []Event
	for _, ev := range events {
		if ev.Kind != KindJoined && ev.Kind != KindMoved && ev.Kind != KindTouch {
			unknown, kind = unknown+1, clip(ev.Kind, maxKind)
			continue
		}
		if !ev.sound() {
			return fault.New(fault.Invalid, "invalid_input", "The batch has an event without a sso id, or with something that is no id or proof.")
		}
		var err error
		switch ev.Kind {
		case KindTouch:
			touches = append(touches, ev)
		case KindMoved:
			err = e.moved(ctx, from, ev)
		default:
			err = e.joined(ctx, from, ev)
		}
		if err != nil {
			return err
		}
	}
	if err := e.receiveTouches(ctx, from, touches); err != nil {
		return err
	}
	if unknown > 0 {
		e.cfg.Logger.Info("partner sent events of a kind that this version does not know; they are passed over", "partner", from, "events", unknown, "kind", kind)
	}
	return nil
}

// sound says whether an event is one that a data center makes.
func (ev *Event) sound() bool {
	_, sso := parse128(string(ev.SSOID))
	_, id := parse128(string(ev.Session))
	return sso && (id || ev.Session == "" && ev.Kind != KindMoved) && (len(ev.Proof) == 0 || len(ev.Proof) == 16)
}

func (e *Engine) joined(ctx context.Context, from string, ev Event) error {
	s, _, err := e.lookUp(ctx, "", ev.SSOID)
	if err != nil || s == nil || containsCluster(s.Members, from) || !proves(ev.Proof, s) {
		return err
	}
	r, err := e.held(ctx, s)
	if err != nil {
		return err
	}
	return e.change(ctx, r, func(s *mdc.Session) bool { return join(s, from) }, alone)
}

// ReceiveRevocations keeps a partner's batch and gives what is durably here of each origin.
func (e *Engine) ReceiveRevocations(ctx context.Context, from string, b revocation.Batch) (map[string]uint64, error) {
	if !e.registered(from) {
		return nil, fault.New(fault.Forbidden, "not_a_partner", "This data center has no active partner %q.", from)
	}
	if !e.callers.allow(from, 1+len(b.Entries)) {
		return nil, errTooMany()
	}
	return e.log.Receive(ctx, from, b)
}

// PullRevocations gives the partner from one page of what it lacks.
func (e *Engine) PullRevocations(ctx context.Context, from string, p revocation.Pull) (revocation.Batch, error) {
	if !e.registered(from) {
		return revocation.Batch{}, fault.New(fault.Forbidden, "not_a_partner", "This data center has no active partner %q.", from)
	}
	if !e.callers.allow(from, 1) {
		return revocation.Batch{}, errTooMany()
	}
	return e.log.Answer(ctx, from, p)
}

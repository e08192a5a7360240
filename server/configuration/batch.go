package configuration

import (
	"context"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Bounds of a batch.
const (
	MaxOperations  = 10_000
	maxBatchFaults = 20 // that one refusal lists
)

// Batch makes every operation, in order and each seeing those before it, or none: one transaction, one run of journal
// records, one audit record. Each operation passes the same checks as by itself. A refusal has the kind and code of the
// first operation that was refused and a field for each fault of up to twenty, under /operations/N. fault.TooLarge when
// there are more than MaxOperations, or more than one transaction of the store holds.
func (s *Service) Batch(ctx context.Context, actor Actor, ops []Operation, dryRun bool) (results []Result, err error) {
	switch {
	case len(ops) == 0:
		return nil, fault.InvalidFields("The batch cannot be accepted.", []fault.Field{{Pointer: "/operations", Detail: "is empty"}})
	case len(ops) > MaxOperations:
		return nil, TooManyOperations(len(ops))
	}
	fit := 0
	err = s.perform(ctx, actor, dryRun, func(p *pass) (err error) {
		p.uses, p.failed = map[string]uses{}, map[string]bool{}
		results, fit, err = p.all(ops)
		if err != nil {
			return err
		}
		changed := 0
		for _, r := range results {
			if r.Outcome != Unchanged {
				changed++
			}
		}
		if changed == 0 {
			return nil
		}
		return p.audit("batch", fmt.Sprintf("%d objects", changed))
	})
	if errors.Is(err, store.ErrTooLarge) {
		return nil, fault.New(fault.TooLarge, "batch_too_large",
			"The batch is larger than one transaction of the store: it holds the first %d of these %d operations. Nothing was written; send them in smaller batches.", fit, len(ops))
	}
	return results, err
}

// TooManyOperations refuses a batch of n operations.
func TooManyOperations(n int) error {
	return fault.New(fault.TooLarge, "batch_too_large", "The batch has %d operations; at most %d are allowed.", n, MaxOperations)
}

// all applies every operation. After one that was refused it goes on, so that one answer tells of every fault; what was
// refused counts as doubtful from then on, and what follows from it is not told. fit counts those before the first that
// the store could not hold.
func (p *pass) all(ops []Operation) (results []Result, fit int, err error) {
	var refused faults
	results = make([]Result, 0, len(ops))
	for i, op := range ops {
		at := place(op.Kind, op.Name)
		if p.failed[at] {
			continue
		}
		res, err := p.apply(i, op)
		if w, ok := errors.AsType[*Wanting](err); ok && !p.done[w.Key] {
			return nil, i, err // all is judged again
		}
		if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Internal {
			p.failed[at] = true
			refused.add(i, op, f)
			if len(refused.fields) >= maxBatchFaults {
				break
			}
			continue
		}
		if err != nil {
			return nil, i, err
		}
		results = append(results, res)
	}
	return results, len(ops), refused.error()
}

// faults are those of a batch's operations.
type faults struct {
	first  *fault.Error
	fields []fault.Field
}

func (r *faults) add(n int, op Operation, f *fault.Error) {
	if r.first == nil {
		r.first = f
	}
	at := fmt.Sprintf("/operations/%d", n)
	if f.Kind != fault.Invalid || len(f.Fields) == 0 {
		r.fields = append(r.fields, fault.Field{Pointer: at + conditionOf(op, f), Detail: f.Message})
		return
	}
	for _, field := range f.Fields {
		r.fields = append(r.fields, fault.Field{Pointer: at + "/body" + field.Pointer, Detail: field.Detail})
	}
}

// conditionOf is the field of an operation that a refusal is about; "" = the operation.
func conditionOf(op Operation, f *fault.Error) string {
	switch {
	case f.Code == "exists":
		return "/if_none_match"
	case f.Kind == fault.Precondition:
		return "/if_match"
	case f.Code == "stale_lock":
		return "/lock"
	case f.Kind == fault.Invalid && op.Change != nil:
		return "/body"
	}
	return ""
}

func (r *faults) error() error {
	if r.first == nil {
		return nil
	}
	fields := r.fields[:min(len(r.fields), maxBatchFaults)]
	message := "Nothing was written: an operation cannot be done."
	if r.first.Kind != fault.Invalid {
		message = "Nothing was written: " + r.first.Message
	}
	return &fault.Error{Kind: r.first.Kind, Code: r.first.Code, Message: message, Fields: fields, RetryAfter: r.first.RetryAfter, Hint: r.first.Hint}
}

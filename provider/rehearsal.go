package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// rehearsal is how the server judges an object of a kind at plan, by a dry run. By default it judges the object by itself: what is
// around it may be made by the same apply, and is judged by references.
type rehearsal struct {
	none   bool     // there is no dry run of this kind
	around bool     // it is judged with what is around it
	codes  []string // conflicts that no apply of this run can do away with; what is invalid counts always
	still  []string // likewise where this run does not plan the data center itself
	closed []string // likewise at a clone that stays one
}

// rehearse has the server judge a change, and shows what it would refuse at the attribute in its own words. Secrets stay at home: what is
// refused about them shows at apply.
func (b *base[M, V, P]) rehearse(ctx context.Context, id string, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if b.client == nil || b.judged.none || b.numbered && !req.State.Raw.IsNull() || resp.Diagnostics.HasError() || !req.Config.Raw.IsFullyKnown() || resp.Plan.Raw.Equal(req.State.Raw) || !b.planned.mayRehearse(b.name) {
		return
	}
	var plan, config M
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	op := creating
	if !req.State.Raw.IsNull() {
		op = updating
	}
	m := P(&plan)
	ask := client.Request{Method: http.MethodPut, Path: b.at(m.key()), Query: url.Values{"dry_run": {"true"}}, In: m.body(&config, false)}
	try := b.planned.try
	switch {
	case b.numbered:
		ask.Method, ask.Path, try = http.MethodPost, client.Path(b.path...), b.planned.judge
	case !b.around(ctx, m):
		ask.Query.Set("alone", "true")
	}
	err := try(ctx, b.client, ask)
	if fault.Is(err, fault.Forbidden) {
		b.planned.bars(b.name)
		return
	}
	k := b.kind
	if !b.planned.turns() {
		k.judged.codes = slices.Concat(k.judged.codes, k.judged.still)
	}
	if len(k.judged.closed) > 0 && b.planned.closed(ctx, b.client) {
		k.judged.codes = slices.Concat(k.judged.codes, k.judged.closed)
	}
	if err = k.certain(req.Plan.Schema, err); err != nil {
		b.refused(op, id, req.Plan.Schema, err, &resp.Diagnostics)
	}
}

// maxRehearsed is how many changes of a kind the server is asked about in one run: a thousand questions would cost a plan of a thousand
// users more than all else.
const maxRehearsed = 50

// mayRehearse says whether the server is asked about one more change of a kind.
func (f *foreseen) mayRehearse(kind string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rehearsed == nil {
		f.rehearsed = map[string]int{}
	}
	f.rehearsed[kind]++
	return f.rehearsed[kind] <= maxRehearsed
}

// bars notes that the token may not write objects of a kind: who may only plan is not to fill the audit record with refusals.
func (f *foreseen) bars(kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rehearsed[kind] = maxRehearsed
}

// surrounded is a model that is judged with what is around it where that is not about to change.
type surrounded interface {
	lies(on *foreseen) bool
}

func (b *base[M, V, P]) around(ctx context.Context, m P) bool {
	if over, ok := any(m).(surrounded); ok {
		return over.lies(&b.planned.foreseen) && !b.planned.closed(ctx, b.client)
	}
	return b.judged.around
}

// certain leaves of a refusal what the apply would be refused for as well, whatever else it does before; nil for nothing.
func (k kind) certain(schema typed, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid && !slices.Contains(k.judged.codes, f.Code) {
		return nil
	}
	var fields []fault.Field
	for _, field := range f.Fields {
		inside := strings.HasPrefix(field.Pointer, "/values/") && strings.HasPrefix(field.Detail, "there is no ") // of an override: the run may make it
		if at, ok := attributePath(schema, field.Pointer); ok && !secret(at) && !inside {
			fields = append(fields, field)
		}
	}
	if len(fields) == 0 {
		return nil
	}
	sure := &fault.Error{Kind: f.Kind, Code: f.Code, Message: f.Message, Hint: f.Hint, Fields: fields}
	if e, ok := errors.AsType[*client.APIError](err); ok {
		return &client.APIError{Fault: sure, Status: e.Status, RequestID: e.RequestID}
	}
	return sure
}

// secret says whether a place is, or is in, a write-only attribute.
func secret(at path.Path) bool {
	steps := at.Steps()
	if len(steps) == 0 {
		return false
	}
	name, ok := steps[0].(path.PathStepAttributeName)
	return ok && strings.HasSuffix(string(name), "_wo")
}

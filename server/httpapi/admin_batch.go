package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// MaxBatchBody is the largest body of a batch, in bytes.
const MaxBatchBody = 8 << 20

func (s *Server) batchRoutes() []route {
	return []route{{method: http.MethodPost, path: "/v1/batch", summary: "Do many writes, all or none", query: []string{"dry_run"}, in: wire.Batch{}, out: wire.BatchAnswer{}, needs: bySubject, handle: s.batch}}
}

func (s *Server) batch(c *call) error {
	b, err := c.bodyUpTo(MaxBatchBody)
	if err != nil {
		return err
	}
	var in wire.Batch
	if err := decodeStrict(b, &in); err != nil {
		if n := countOperations(b); n > configuration.MaxOperations {
			return configuration.TooManyOperations(n)
		}
		return err
	}
	ops, err := s.operationsFrom(in.Operations)
	if err != nil {
		return err
	}
	results, err := s.c.Configuration.Batch(c.Request.Context(), c.actor(), ops, c.Query("dry_run") == "true")
	if err != nil {
		return err
	}
	out := wire.BatchAnswer{Results: make([]wire.BatchResult, 0, len(results))}
	for i, r := range results {
		out.Results = append(out.Results, wire.BatchResult{Kind: ops[i].Kind.Name, Name: ops[i].Name, ETag: r.ETag, Status: string(r.Outcome)})
	}
	return c.answer(out)
}

// countOperations tells a batch that is too long from one that is malformed.
func countOperations(b []byte) int {
	var in struct {
		Operations []json.RawMessage `json:"operations"`
	}
	if json.Unmarshal(b, &in) != nil {
		return 0
	}
	return len(in.Operations)
}

// operationsFrom reads each operation as its own route would, and tells every fault with its place.
func (s *Server) operationsFrom(in []wire.BatchOperation) ([]configuration.Operation, error) {
	kinds := map[string]kindRoutes{}
	for _, k := range s.kinds() {
		kinds[k.kind.Name] = k
	}
	var fields []fault.Field
	ops := make([]configuration.Operation, 0, len(in))
	for i, o := range in {
		at := fmt.Sprintf("/operations/%d", i)
		k, ok := kinds[o.Kind]
		if !ok {
			fields = append(fields, fault.Field{Pointer: at + "/kind", Detail: fmt.Sprintf("%q is no kind that a batch can write", clip(o.Kind))})
			continue
		}
		op, wrong := k.operation(o)
		for _, f := range wrong {
			fields = append(fields, fault.Field{Pointer: at + f.Pointer, Detail: f.Detail})
		}
		ops = append(ops, op)
		if len(fields) >= maxFaults {
			break
		}
	}
	return ops, fault.InvalidFields("The batch cannot be accepted.", fields[:min(len(fields), maxFaults)])
}

// operation makes one operation, or tells what is wrong with it.
func (k kindRoutes) operation(o wire.BatchOperation) (op configuration.Operation, wrong []fault.Field) {
	if k.kind.Singleton && o.Name == "" {
		o.Name = mdc.SingletonName
	}
	op = configuration.Operation{Kind: k.kind, Name: o.Name, Pre: configuration.Precondition{IfMatch: o.IfMatch, Absent: o.IfNoneMatch, Lock: o.Lock}}
	refuse := func(field, detail string) (configuration.Operation, []fault.Field) {
		return op, []fault.Field{{Pointer: field, Detail: detail}}
	}
	none := len(o.Body) == 0
	switch {
	case o.Name == "" || k.kind.Singleton && o.Name != mdc.SingletonName:
		return refuse("/name", "is no name of a "+k.kind.Name)
	case o.Method == http.MethodDelete && none:
		return op, nil
	case o.Method == http.MethodDelete:
		return refuse("/body", "means nothing for DELETE")
	case o.Method != http.MethodPut && o.Method != http.MethodPatch:
		return refuse("/method", fmt.Sprintf("%q is not one of PUT, PATCH, DELETE", clip(o.Method)))
	case none:
		return refuse("/body", "is missing")
	case o.Method == http.MethodPatch:
		op.Change = k.patching(o.Name, o.Body)
		return op, inBody(decodeStrict(o.Body, &map[string]any{}))
	}
	will, err := k.replacement(o)
	op.Change = func(mdc.Object) (mdc.Object, error) { return will, nil }
	return op, inBody(err)
}

func (k kindRoutes) replacement(o wire.BatchOperation) (mdc.Object, error) {
	in := reflect.New(reflect.TypeOf(k.in)).Interface()
	if err := decodeStrict(o.Body, in); err != nil {
		return nil, err
	}
	will, err := k.object(in)
	if err != nil {
		return nil, err
	}
	return will, k.sameName(o.Name, will)
}

// inBody places what is wrong with an operation's body.
func inBody(err error) (fields []fault.Field) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil
	}
	for _, field := range f.Fields {
		fields = append(fields, fault.Field{Pointer: "/body" + field.Pointer, Detail: field.Detail})
	}
	if len(fields) == 0 {
		fields = []fault.Field{{Pointer: "/body", Detail: f.Message}}
	}
	return fields
}

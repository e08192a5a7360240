package provider

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// maxNamed is how many names one text lists.
const maxNamed = 50

// place turns the places of a refused batch, /operations/3/body/email, into those of the schema, /users/ann/email.
func place[E any](members string, batch []*change[E], err error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return
	}
	for i, field := range f.Fields {
		rest, ok := strings.CutPrefix(field.Pointer, "/operations/")
		number, rest, _ := strings.Cut(rest, "/")
		n, wrong := strconv.Atoi(number)
		if !ok || wrong != nil || n < 0 || n >= len(batch) {
			continue
		}
		key := strings.NewReplacer("~", "~0", "/", "~1").Replace(batch[n].key)
		f.Fields[i].Pointer = "/" + members + "/" + key + "/" + rest
	}
}

// refuse turns the refusal of a batch into diagnostics, those of each member at its entry.
func (c *collection[E, M, V, P]) refuse(w work[E], err error, written int, diags *diag.Diagnostics) {
	if written > 0 {
		diags.AddWarning(fmt.Sprintf("%d of %d changes are done", written, len(w.all)),
			fmt.Sprintf("A batch is written whole or not at all. The batches before the one that was refused, with %d changes, are written and are in the state; the next apply makes what is missing.", written))
	}
	f, ok := errors.AsType[*fault.Error](err)
	tried := make(map[string]operation, len(w.all))
	for _, ch := range w.all {
		tried[ch.key] = ch.op
	}
	placed := false
	for _, m := range c.membersOf(f, ok) {
		if op, ok := tried[m.key]; ok {
			c.one.refused(op, m.key, w.schema, m.as(err), diags)
			placed = true
		}
	}
	if !placed {
		c.refused(w.doing, "", w.schema, err, diags)
	}
	if e, ok := errors.AsType[*existing](err); ok {
		diags.AddError(fmt.Sprintf("%d of %s exist already", len(e.names), c.members), c.adopting(e.names))
	}
}

// adopting is what to do about members that exist.
func (c *collection[E, M, V, P]) adopting(names []string) string {
	return fmt.Sprintf("They are in the data center and not in this collection: %s. If another resource manages them, leave them out here. Otherwise either write their entries so that they describe them as they are now, which the next apply takes over, and change them after that; or import the collection anew, with the names of all that it shall hold (if it is in the state already, after terraform state rm):\n\n%s",
		named(names), fmt.Sprintf("import {\n  to = concord_%s.NAME # the label of this resource\n  id = %q\n}", c.name, clipped(names, ",")))
}

// named gives names for a text.
func named(names []string) string { return clipped(names, ", ") }

func clipped(names []string, between string) string {
	if len(names) <= maxNamed {
		return strings.Join(names, between)
	}
	return strings.Join(names[:maxNamed], between) + between + "…"
}

// memberFault is what is wrong with one member.
type memberFault struct {
	key   string
	fault *fault.Error
}

// membersOf sorts the fields of a batch's refusal by members, in the order in which they come.
func (c *collection[E, M, V, P]) membersOf(f *fault.Error, ok bool) (all []*memberFault) {
	if !ok {
		return nil
	}
	by := map[string]*memberFault{}
	for _, field := range f.Fields {
		rest, ok := strings.CutPrefix(field.Pointer, "/"+c.members+"/")
		if !ok {
			continue
		}
		token, inside, _ := strings.Cut(rest, "/")
		key := strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		m := by[key]
		if m == nil {
			m = &memberFault{key, &fault.Error{Kind: f.Kind, Code: f.Code, Hint: f.Hint, RetryAfter: f.RetryAfter}}
			by[key] = m
			all = append(all, m)
		}
		at := "/" + c.members + "/" + token
		for _, s := range c.secrets { // which stand beside the members
			if inside == "body/"+strings.TrimSuffix(s.one, "_wo") {
				at, inside = "/"+s.many+"/"+token, "body"
			}
		}
		m.add(at, inside, field.Detail)
	}
	return all
}

// add notes a wrong field. A batch has the kind of the first of its refusals; the place says which kind this one has.
func (m *memberFault) add(at, inside, detail string) {
	switch part, rest, _ := strings.Cut(inside, "/"); part {
	case "if_none_match":
		m.fault.Kind, m.fault.Code = fault.Precondition, "exists"
	case "if_match":
		m.fault.Kind, m.fault.Code = fault.Precondition, "changed"
	case "body":
		m.fault.Kind, m.fault.Code = fault.Invalid, "invalid_input"
		at += strings.TrimSuffix("/"+rest, "/")
	}
	m.fault.Fields = append(m.fault.Fields, fault.Field{Pointer: at, Detail: detail})
}

// as is the member's fault as the server told it, with the request id of the whole.
func (m *memberFault) as(whole error) error {
	if e, ok := errors.AsType[*client.APIError](whole); ok {
		return &client.APIError{Fault: m.fault, Status: e.Status, RequestID: e.RequestID}
	}
	return m.fault
}

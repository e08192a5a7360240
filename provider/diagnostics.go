package provider

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	fwattr "github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// operation is what was tried, as a text says it.
type operation string

const (
	creating operation = "create"
	reading  operation = "read"
	updating operation = "update"
	deleting operation = "delete"
	finding  operation = "list"

	promoting operation = "promote"
	demoting  operation = "demote"
	pulling   operation = "pull"
	testing   operation = "test"
)

// typed is the part of a schema that places a pointer.
type typed interface{ Type() fwattr.Type }

// refused turns an error into diagnostics: one for each wrong field, at its attribute where there is one, and the text of
// the whole. Every text says what to do next and names the request id.
func (k kind) refused(op operation, id string, schema typed, err error, diags *diag.Diagnostics) {
	summary := k.cannot(op, id)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		diags.AddError(summary, sentence(err.Error()))
		return
	}
	tail, next := requestLine(err), k.advice(op, id, f)
	placed := 0
	for _, field := range f.Fields {
		if at, ok := attributePath(schema, field.Pointer); ok {
			why := ""
			if f.Kind != fault.Invalid { // there the message only says that something is wrong
				why = sentence(f.Message)
			}
			diags.AddAttributeError(at, summary, paragraphs(fullStop(at.String()+within(at, field.Pointer)+": "+field.Detail), why, next, fieldAdvice(field.Detail))+tail)
			placed++
		}
	}
	if placed == 0 || placed < len(f.Fields) {
		diags.AddError(summary, paragraphs(sentence(f.Error()), next)+tail)
	}
}

// within is what of a pointer lies inside of an attribute that is a text of its own, such as values of an override: Terraform knows no
// place there.
func within(at path.Path, pointer string) string {
	tokens := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	rest := tokens[min(len(at.Steps()), len(tokens)):]
	if len(rest) == 0 || strings.Trim(rest[0], "0123456789") == "" { // an element of a set
		return ""
	}
	return "." + strings.Join(rest, ".")
}

func (k kind) cannot(op operation, id string) string {
	if id == "" {
		return fmt.Sprintf("Cannot %s %s", op, k.noun)
	}
	return fmt.Sprintf("Cannot %s %s %q", op, k.noun, id)
}

// advice is what to do next.
func (k kind) advice(op operation, id string, f *fault.Error) string {
	exists := f.Kind == fault.Precondition || f.Kind == fault.Conflict && strings.Contains(f.Code, "exists")
	switch {
	case op == creating && exists && k.members != "":
		return "It exists already and is not in this Terraform state."
	case op == creating && exists && !k.singleton && !k.numbered:
		return fmt.Sprintf("It exists already and is not in this Terraform state. To manage it here, adopt it first:\n\n%s", k.importBlock(id))
	case op == reading && (f.Code == client.CodeUnreachable || f.Code == client.CodeTimeout):
		return "Nothing is taken for gone, and nothing was changed. While this data center is down, what does not belong or refer to it can be planned alone with -target; " +
			"the guide \"Promote in an emergency\" says more."
	case f.Code == "wrong_data_center":
		return "Nothing was changed. Each provider alias has the endpoint, the token and the root of its own data center."
	case f.Kind == fault.Precondition:
		return "It has changed since the last plan: run terraform plan again, look at what changed, and apply that."
	case f.Code == "not_master" && !k.numbered:
		return "Replicated objects are written on the master only. " + masterAdvice(f.Hint)
	case op == deleting && f.Code == "in_use":
		return "Where this apply makes another one in its place, such as under a new name, write create_before_destroy = true into the lifecycle block of this resource: then those change to the new one first."
	case f.Code == "no_such_route":
		return "Is the endpoint the admin listener of a data center, and is the server at least as new as this provider?"
	case f.Kind == fault.Unauthenticated && f.Code != client.CodeNotOurs:
		return "Check token in the provider block, or CONCORD_TOKEN: a token is valid in one data center only."
	case f.Kind == fault.Forbidden && f.Code != client.CodeNotTrusted:
		return "The token is known, but its administrator may not do this. Nothing was changed."
	case f.Kind == fault.Unavailable && f.Code != client.CodeUnreachable && f.Code != client.CodeTimeout:
		return "This may pass by itself: try again in a while."
	}
	return ""
}

// fieldAdvice is what to do about one field.
func fieldAdvice(detail string) string {
	if strings.HasPrefix(detail, "there is no ") {
		return "Correct the name, or declare what is missing and refer to its resource instead of writing the name, so that it is created first."
	}
	return ""
}

func masterAdvice(hint string) string {
	if hint == "" {
		return "Point this resource's provider alias at the master."
	}
	return fmt.Sprintf("Point this resource's provider alias at the master: endpoint = %q.", hint)
}

// importBlock is ready to be pasted, but for the resource's label.
func (k kind) importBlock(id string) string {
	return fmt.Sprintf("import {\n  to = concord_%s.NAME # the label of this resource\n  id = %q\n}", k.name, id)
}

func requestLine(err error) string {
	e, ok := errors.AsType[*client.APIError](err)
	if !ok || e.RequestID == "" {
		return ""
	}
	return "\n\nRequest id: " + e.RequestID
}

// attributePath places a JSON pointer of the API in the schema, as deep as Terraform can show it: a set's elements have no
// place of their own. A write-only attribute is named like the field with _wo.
func attributePath(schema typed, pointer string) (path.Path, bool) {
	at, t := path.Empty(), schema.Type()
	for i, token := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		var ok bool
		at, t, ok = step(at, t, token)
		if !ok {
			return at, i > 0
		}
	}
	return at, true
}

func step(at path.Path, t fwattr.Type, token string) (path.Path, fwattr.Type, bool) {
	switch t := t.(type) {
	case fwattr.TypeWithAttributeTypes:
		for _, name := range []string{token, token + "_wo"} {
			if next, ok := t.AttributeTypes()[name]; ok {
				return at.AtName(name), next, true
			}
		}
	case basetypes.MapType:
		return at.AtMapKey(token), t.ElemType, true
	case basetypes.ListType:
		if n, err := strconv.Atoi(token); err == nil {
			return at.AtListIndex(n), t.ElemType, true
		}
	}
	return at, nil, false
}

func addUnconfigured(diags *diag.Diagnostics) {
	diags.AddError("Concord provider is not configured yet",
		"A value in the provider block is known only after another resource is applied, so no data center can be asked now. Apply that resource first (terraform apply -target=…), or give the value from the environment; a data source may wait for that resource: depends_on.")
}

// addUnread says that a state is shown as it was: a plan made from it is safe, since every write has a condition.
func addUnread(diags *diag.Diagnostics) {
	diags.AddWarning("Not refreshed",
		"A value in the provider block is known only after another resource is applied, so no data center can be asked now. The plan starts from what Terraform knew last; what somebody changed since then stops the apply instead of being overwritten.")
}

// sentence starts with a capital letter, unless an address stands there, and ends with a full stop.
func sentence(s string) string {
	if s == "" || strings.HasPrefix(s, "http") {
		return fullStop(s)
	}
	return strings.ToUpper(s[:1]) + fullStop(s[1:])
}

func fullStop(s string) string {
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".?!") {
		return s
	}
	return s + "."
}

func paragraphs(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "\n\n")
}

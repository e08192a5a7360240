package condition

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Input is what an expression may look at.
type Input struct {
	User            string
	Groups          []string
	Attributes      map[string]string
	Level           int
	IdentityStore   string
	AuthenticatedAt time.Time
	ClientAddress   string // canonical; "" when it is not known
	Method          string
	Scheme          string
	Host            string // canonical
	Path            string // canonical
	Now             time.Time
}

var _ cel.Activation = (*Input)(nil)

// ResolveName gives a variable's value; only what an expression names is converted.
func (in *Input) ResolveName(name string) (any, bool) {
	switch name {
	case "user":
		return types.String(in.User), true
	case "groups":
		return types.NewStringList(types.DefaultTypeAdapter, in.Groups), true
	case "attributes":
		return types.NewStringStringMap(types.DefaultTypeAdapter, in.Attributes), true
	case "level":
		return types.Int(in.Level), true
	case "identity_store":
		return types.String(in.IdentityStore), true
	case "authenticated_at":
		return types.Timestamp{Time: in.AuthenticatedAt}, true
	case "client_address":
		return types.String(in.ClientAddress), true
	case "method":
		return types.String(in.Method), true
	case "scheme":
		return types.String(in.Scheme), true
	case "host":
		return types.String(in.Host), true
	case "path":
		return types.String(in.Path), true
	case "now":
		return types.Timestamp{Time: in.Now}, true
	}
	return nil, false
}

// Parent is nobody.
func (*Input) Parent() cel.Activation { return nil }

// Holds evaluates a condition. cost is what it took. An error, such as a missing attribute or too much cost, is no answer.
func (e *Expression) Holds(in *Input) (holds bool, cost uint64, err error) {
	v, cost, err := e.evaluate(in)
	if err != nil {
		return false, cost, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, cost, &Error{Detail: "is neither true nor false"}
	}
	return bool(b), cost, nil
}

// Texts evaluates a header's value: one text, or those of a list.
func (e *Expression) Texts(in *Input) ([]string, error) {
	v, _, err := e.evaluate(in)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case types.String:
		return []string{string(v)}, nil
	case types.Int:
		return []string{strconv.FormatInt(int64(v), 10)}, nil
	case types.Bool:
		return []string{strconv.FormatBool(bool(v))}, nil
	case traits.Lister:
		return listed(v)
	}
	return nil, &Error{Detail: "is of a type that a header cannot have"}
}

func listed(l traits.Lister) ([]string, error) {
	var out []string
	for it := l.Iterator(); it.HasNext() == types.True; {
		s, ok := it.Next().(types.String)
		if !ok {
			return nil, &Error{Detail: "is a list of something else than texts"}
		}
		out = append(out, string(s))
	}
	return out, nil
}

func (e *Expression) evaluate(in *Input) (ref.Val, uint64, error) {
	v, details, err := e.program.Eval(in)
	spent := uint64(0)
	if details != nil && details.ActualCost() != nil {
		spent = *details.ActualCost()
	}
	if err != nil {
		if strings.Contains(err.Error(), "cost limit") {
			return nil, spent, &Error{Detail: fmt.Sprintf("costs more than the %d units that are allowed", MaxCost)}
		}
		return nil, spent, &Error{Detail: shorten(err.Error())}
	}
	return v, spent, nil
}

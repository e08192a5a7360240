package condition

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
)

// Expression is one that compiled. Any number of decisions may evaluate it at once.
type Expression struct {
	program cel.Program
	cost    uint64
}

// Cost is the estimate of the most that an evaluation takes, at most MaxCost.
func (e *Expression) Cost() uint64 { return e.cost }

// Error says where an expression is wrong, and why.
type Error struct {
	Line, Column int // from 1; 0 where the whole text is meant
	Detail       string
}

// Error gives "line:column: detail".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Detail
	}
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Detail)
}

// Condition compiles an expression that is true or false. Errors: *Error for what is wrong with the text.
func Condition(text string) (*Expression, error) {
	return compile(text, "a condition is true or false", cel.BoolType)
}

// Value compiles an expression for the value of a header: text, a whole number, true or false, or a list of texts. Errors as of
// Condition.
func Value(text string) (*Expression, error) {
	return compile(text, "a header's value is text, a whole number, true or false, or a list of texts", cel.StringType, cel.IntType, cel.BoolType, cel.ListType(cel.StringType))
}

func compile(text, must string, types ...*cel.Type) (*Expression, error) {
	env, err := language()
	if err != nil {
		return nil, err
	}
	switch {
	case strings.TrimSpace(text) == "":
		return nil, &Error{Detail: "is empty"}
	case len(text) > MaxText:
		return nil, &Error{Detail: fmt.Sprintf("is longer than %d bytes", MaxText)}
	}
	ast, issues := env.Compile(text)
	if err := firstOf(issues); err != nil {
		return nil, err
	}
	if !oneOf(ast.OutputType(), types) {
		return nil, &Error{1, 1, fmt.Sprintf("this is of type %s, but %s", ast.OutputType(), must)}
	}
	estimate, err := env.EstimateCost(ast, estimator{sizes()})
	if err != nil {
		return nil, fmt.Errorf("estimate cost: %w", err)
	}
	if estimate.Max > 1<<40 {
		return nil, &Error{Detail: "has no bound on what it may cost: a pattern of matches has to be written out, and lists not to be combined"}
	}
	if estimate.Max > MaxCost {
		return nil, &Error{Detail: fmt.Sprintf("may cost %d units, and %d are allowed: look at fewer things, or at shorter ones", estimate.Max, MaxCost)}
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(MaxCost))
	if err != nil {
		return nil, &Error{Detail: shorten(err.Error())} // constant parts are evaluated here
	}
	return &Expression{program: program, cost: estimate.Max}, nil
}

func oneOf(t *cel.Type, types []*cel.Type) bool {
	for _, want := range types {
		if t.IsExactType(want) {
			return true
		}
	}
	return false
}

// firstOf gives the first fault: what follows it is often its consequence.
func firstOf(issues *cel.Issues) error {
	if issues == nil || issues.Err() == nil {
		return nil
	}
	all := issues.Errors()
	if len(all) == 0 {
		return &Error{Detail: shorten(issues.Err().Error())}
	}
	first := all[0]
	for _, e := range all[1:] {
		if at := e.Location; at.Line() < first.Location.Line() || at.Line() == first.Location.Line() && at.Column() < first.Location.Column() {
			first = e
		}
	}
	if first.Location.Line() < 1 {
		return &Error{Detail: shorten(first.Message)}
	}
	return &Error{first.Location.Line(), first.Location.Column() + 1, shorten(first.Message)}
}

// shorten keeps a message of the library to one line that fits an answer.
func shorten(s string) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(s, " (in container '')", "")), " ")
	if strings.HasPrefix(s, "Syntax error: token recognition error at: '=") { // the commonest slip
		s += "; == compares"
	}
	if len(s) > 300 {
		return strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

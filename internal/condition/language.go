package condition

import (
	"fmt"
	"sync"
	_ "time/tzdata" // the same zones on a machine that has none

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/ext"
)

// Limits of an expression. A unit of cost is about one step of evaluation.
const (
	MaxText = 4096   // bytes of its text
	MaxCost = 20_000 // both of the estimate when it is compiled and of what an evaluation may spend

	maxDepth   = 100   // of nesting
	maxNodes   = 4096  // of the syntax tree, after macros
	maxPattern = 2_000 // instructions of a regular expression
)

// sizes are the largest values that the estimate reckons with; an evaluation is stopped where larger ones make it cost more.
func sizes() map[string]uint64 {
	return map[string]uint64{
		"user": 128, "groups": 1000, "groups.@items": 128, "attributes": 100, "attributes.@keys": 128, "attributes.@values": 1024, "identity_store": 128,
		"client_address": 45, "method": 7, "scheme": 5, "host": 300, "path": 8192,
	}
}

// language is the one environment. It is made when it is first needed: it takes milliseconds, and most programs need none.
var language = sync.OnceValues(func() (*cel.Env, error) {
	text := cel.StringType
	env, err := cel.NewEnv(
		cel.Variable("user", text), cel.Variable("groups", cel.ListType(text)), cel.Variable("attributes", cel.MapType(text, text)), cel.Variable("level", cel.IntType),
		cel.Variable("identity_store", text), cel.Variable("authenticated_at", cel.TimestampType), cel.Variable("client_address", text), cel.Variable("method", text),
		cel.Variable("scheme", text), cel.Variable("host", text), cel.Variable("path", text), cel.Variable("now", cel.TimestampType),
		ext.Network(), cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(MaxText), cel.ParserRecursionLimit(maxDepth), cel.ExpressionNodeLimit(maxNodes), cel.RegexProgramSizeLimit(maxPattern),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(), cel.ValidateHomogeneousAggregateLiterals()),
	)
	if err != nil {
		return nil, fmt.Errorf("set up the language of conditions: %w", err)
	}
	return env, nil
})

// estimator tells the estimate how large the variables may be.
type estimator struct{ sizes map[string]uint64 }

var _ cost.Estimator = estimator{}

// EstimateSize knows variables and what is in them.
func (e estimator) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	name := ""
	for i, part := range n.Path() {
		if i > 0 {
			name += "."
		}
		name += part
	}
	if size, known := e.sizes[name]; known {
		return &cost.SizeEstimate{Min: 0, Max: size}
	}
	return nil
}

// EstimateCallCost knows how long the texts of numbers and times can be; every other function is left to the library.
func (estimator) EstimateCallCost(_, overload string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	switch overload {
	case overloads.IntToString, overloads.UintToString, overloads.DoubleToString, overloads.BoolToString, overloads.TimestampToString, overloads.DurationToString:
		return cost.NewCallEstimate(cost.FixedCostEstimate(1), &cost.SizeEstimate{Min: 1, Max: 40})
	}
	return nil
}

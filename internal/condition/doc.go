// Package condition is the language of the conditions and of the header values in authorization policies: CEL, the Common
// Expression Language, over a fixed set of documented variables (docs/policies.md).
//
// mdc compiles each expression when a policy is saved, server/policy evaluates it for each decision that it may matter to, and
// the provider compiles it when a plan is made; all three through this package, so that they cannot disagree. It knows no policies
// and no requests.
//
// It guarantees: what compiles has the right type and an estimated cost below MaxCost; an evaluation ends at MaxCost whatever it is
// given; the same expression with the same Input gives the same result everywhere.
package condition

// Package function has the provider's functions, provider::concord::…. The provider lists them; Terraform calls them while it
// evaluates expressions, in tests too, with no data center and no provider block.
//
// They are pure: the same argument gives the same answer, nothing is asked and nothing is kept. They must not know the API, the
// client or a resource. An argument may be secret as a whole, so no error repeats a value that could be one. Every fault of an
// argument is told in one error, with the argument's index.
package function

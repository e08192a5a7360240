// Package provider is the Terraform provider: it turns declarations into calls of one data center's admin API.
//
// Each resource is one file, always in the same order: assertions, constructor, schema, model, body (model to request),
// fill (answer to model). What every resource does is written once in base.go: the client, create and update under
// If-None-Match and If-Match with the ETag in private state, not found on read, identity, import, and diagnostics that
// point at the attribute that was wrong. The provider has no rules of its own: what can be known at plan is checked at
// plan by package attr, all else is the server's answer.
//
// list_base.go finds the objects of every resource for terraform query: what embeds base is listed, and says in its kind what is
// special about that. action_base.go is what actions share: each asks the data center at the endpoint for something once.
//
// It never calls the API while it is configured, so an endpoint that another resource of the same apply creates may still
// be unknown. Secrets are write-only: they are read from the configuration, sent, and kept nowhere.
package provider

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/concord-access/terraform-provider-concord/provider"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: genschema ADDRESS, for example registry.terraform.io/hashicorp/concord")
		os.Exit(2)
	}
	if err := write(context.Background(), os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "genschema:", err)
		os.Exit(1)
	}
}

// write asks the provider for its schemas and writes them to w under address.
func write(ctx context.Context, w io.Writer, address string) error {
	server := providerserver.NewProtocol6(provider.New("dev")())()
	schemas, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err == nil {
		err = faults(schemas.Diagnostics)
	}
	if err != nil {
		return fmt.Errorf("get provider schema: %w", err)
	}
	identities, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err == nil {
		err = faults(identities.Diagnostics)
	}
	if err != nil {
		return fmt.Errorf("get identity schemas: %w", err)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(object{"format_version": "1.0", "provider_schemas": object{address: object{
		"provider":                   versioned(schemas.Provider),
		"resource_schemas":           each(schemas.ResourceSchemas, versioned),
		"data_source_schemas":        each(schemas.DataSourceSchemas, versioned),
		"ephemeral_resource_schemas": each(schemas.EphemeralResourceSchemas, versioned),
		"functions":                  each(schemas.Functions, signature),
		"resource_identity_schemas":  each(identities.IdentitySchemas, identity),
		"list_resource_schemas":      each(schemas.ListResourceSchemas, versioned),
		"action_schemas":             each(schemas.ActionSchemas, func(a *tfprotov6.ActionSchema) object { return object{"block": block(a.Schema.Block)} }),
	}}})
}

func faults(diags []*tfprotov6.Diagnostic) error {
	var all []error
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			all = append(all, fmt.Errorf("%s: %s", d.Summary, d.Detail))
		}
	}
	return errors.Join(all...)
}

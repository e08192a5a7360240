package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// oneAgreement takes an identifier or a name, or nothing, which is answered with what there is.
func oneAgreement() cobra.PositionalArgs { return usageArgs(cobra.MaximumNArgs(1)) }

// agreement gives the identifier of the agreement that args name, by identifier or by name.
func (c *connection) agreement(ctx context.Context, args []string) (string, error) {
	all, err := client.All[wire.AgreementView](ctx, c.Client, "/v1/replication/agreements", nil)
	if err != nil {
		return "", err
	}
	if len(args) == 0 {
		return "", usage("which agreement? %s", listed(all))
	}
	var named []wire.AgreementView
	for _, a := range all {
		if a.Identifier == args[0] {
			return a.Identifier, nil
		}
		if strings.EqualFold(a.Name, args[0]) {
			named = append(named, a)
		}
	}
	switch len(named) {
	case 0:
		return "", errors.New("there is no agreement " + fmt.Sprintf("%q", args[0]) + " here; " + listed(all))
	case 1:
		return named[0].Identifier, nil
	}
	return "", usage("%q is the name of several agreements; give an identifier: %s", args[0], listed(named))
}

// listed names agreements in a sentence.
func listed(all []wire.AgreementView) string {
	if len(all) == 0 {
		return "this data center has no agreement"
	}
	names := make([]string, len(all))
	for i, a := range all {
		names[i] = strings.Map(printable, a.Name+" ("+a.Identifier+")")
	}
	return "there " + map[bool]string{true: "is ", false: "are "}[len(all) == 1] + strings.Join(names, ", ")
}

package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// admin has the verbs about administrators themselves. Their roles are declared.
func (p *program) admin() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use: "admin", Short: "Administrators' tokens and security contexts, and their roles", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	t.register(c)
	token := &cobra.Command{Use: "token", Short: "Administrators' tokens: create, list, revoke", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	token.AddCommand(p.adminTokenCreate(&t), p.adminTokenList(&t), p.adminTokenRevoke(&t))
	contexts := &cobra.Command{Use: "context", Short: "Who is signed in with a password: list, close", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	contexts.AddCommand(p.contextList(&t), p.contextClose(&t))
	roles := &cobra.Command{Use: "role", Short: "Administrators' roles: list", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	roles.AddCommand(p.roleList(&t))
	c.AddCommand(token, contexts, roles)
	return c
}

const adminTokens = "/v1/admin-tokens"

func (p *program) adminTokenCreate(t *target) *cobra.Command {
	var in wire.AdminTokenRequest
	c := &cobra.Command{
		Use: "create NAME --role ROLE", Short: "Make a token; its text is shown this once", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Makes a token of this data center with the permissions of its roles, and writes its text, which\n" +
			"is kept nowhere, to the standard output. Only what the caller may do himself can be given.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			if in.Name = args[0]; len(in.Roles) == 0 {
				return usage("what may the token do? give --role, as concord admin role list shows them")
			}
			var made wire.AdminTokenMade
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: adminTokens, In: in, Out: &made}); err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(made)
			}
			until := "until it is revoked"
			if made.ExpiresAt != nil {
				until = "until " + made.ExpiresAt.UTC().Format(time.RFC3339)
			}
			fmt.Fprintf(p.stderr, "Good %s; its text is shown this once:\n", until) //nolint:errcheck // nobody is left to tell
			_, err := fmt.Fprintln(p.stdout, made.Secret)
			return err
		}),
	}
	f := c.Flags()
	f.StringSliceVar(&in.Roles, "role", nil, "`ROLE` whose permissions it has; may be repeated")
	f.StringVar(&in.TTL, "ttl", "", "`LIFE` of the token, such as 720h (default: no end)")
	f.StringVar(&in.Description, "description", "", "`TEXT` that says what it is for")
	return c
}

func (p *program) adminTokenList(t *target) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the tokens, never their text", Args: noArgs,
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			all, err := client.All[wire.AdminTokenView](ctx, conn.Client, adminTokens, nil)
			if err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(append([]wire.AdminTokenView{}, all...))
			}
			var rows [][]string
			for _, v := range all {
				ends := "never"
				if v.ExpiresAt != nil {
					ends = moment(v.ExpiresAt)
				}
				if v.Expired {
					ends = "expired"
				}
				rows = append(rows, []string{v.Name, strings.Join(v.Roles, " "), ends, moment(v.LastUsedAt)})
			}
			return p.table([]string{"TOKEN", "ROLES", "EXPIRES", "LAST USED"}, rows)
		})}
}

func (p *program) adminTokenRevoke(t *target) *cobra.Command {
	return &cobra.Command{Use: "revoke NAME", Short: "End a token at once", Args: usageArgs(cobra.ExactArgs(1)),
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			return p.taken(ctx, conn, adminTokens, args[0])
		})}
}

// taken deletes what lets somebody in.
func (p *program) taken(ctx context.Context, conn *connection, collection, name string) error {
	if _, err := conn.Do(ctx, client.Request{Method: http.MethodDelete, Path: collection + client.Path(name)}); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.stdout, strings.Map(printable, name)+" lets nobody in any more")
	return err
}

const securityContexts = "/v1/security-contexts"

func (p *program) contextList(t *target) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the security contexts that are open", Args: noArgs,
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			all, err := client.All[wire.SecurityContextView](ctx, conn.Client, securityContexts, nil)
			if err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(append([]wire.SecurityContextView{}, all...))
			}
			var rows [][]string
			for _, v := range all {
				rows = append(rows, []string{v.ID, v.User, moment(&v.ExpiresAt), or(v.ClientAddress)})
			}
			return p.table([]string{"CONTEXT", "USER", "EXPIRES", "CLIENT"}, rows)
		})}
}

func (p *program) contextClose(t *target) *cobra.Command {
	return &cobra.Command{Use: "close ID", Short: "End a security context at once", Args: usageArgs(cobra.ExactArgs(1)),
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			return p.taken(ctx, conn, securityContexts, args[0])
		})}
}

func (p *program) roleList(t *target) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the roles and what they allow", Args: noArgs,
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			all, err := client.All[wire.AdminRoleView](ctx, conn.Client, "/v1/admin-roles", nil)
			if err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(append([]wire.AdminRoleView{}, all...))
			}
			var rows [][]string
			for _, v := range all {
				for i, a := range v.Permissions {
					name := v.Name
					if i > 0 {
						name = ""
					}
					rows = append(rows, []string{name, strings.Join(a.Actions, " "), strings.Join(a.Kinds, " "), or(strings.Join(a.SecurityDomains, " "))})
				}
				if len(v.Permissions) == 0 {
					rows = append(rows, []string{v.Name, "-", "-", "-"})
				}
			}
			return p.table([]string{"ROLE", "MAY", "KINDS", "DOMAINS"}, rows)
		})}
}

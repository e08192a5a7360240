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

const joinTokens = "/v1/trust/join-tokens"

func (p *program) trustToken(t *target) *cobra.Command {
	c := &cobra.Command{
		Use: "token", Short: "One-time join tokens: make, list, revoke", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(p.tokenCreate(t), p.tokenList(t), p.tokenRevoke(t))
	return c
}

func (p *program) tokenCreate(t *target) *cobra.Command {
	var in wire.JoinTokenRequest
	c := &cobra.Command{
		Use: "create PURPOSE [NAME]", Short: "Make a token for a data_center, node, agent or administrator", Args: tokenArgs,
		Long: "Makes a one-time join token and writes its text, which is kept nowhere, to the standard output.\n" +
			"NAME is the node's, agent's or administrator's; for a data_center its cluster id, or nothing\n" +
			"for any. The holder uses it once: concord trust enroll for a certificate, concord trust join\n" +
			"to link another data center. Whoever has the text first can use it: treat it as a password.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			in.Purpose = underscored(args[0])
			if len(args) == 2 && in.Purpose == wire.JoinDataCenter {
				in.ClusterID = args[1]
			} else if len(args) == 2 {
				in.Name = args[1]
			}
			var made wire.JoinTokenMade
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: joinTokens, In: in, Out: &made}); err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(made)
			}
			verb := "concord trust enroll"
			if in.Purpose == wire.JoinDataCenter {
				verb = "concord trust join"
			}
			fmt.Fprintf(p.stderr, "Good once until %s: %s\n", made.ExpiresAt.UTC().Format(time.RFC3339), verb) //nolint:errcheck // nobody is left to tell
			_, err := fmt.Fprintln(p.stdout, made.Token)
			return err
		}),
	}
	f := c.Flags()
	f.StringVar(&in.TTL, "ttl", "", "`LIFE` of the token, 1m to 24h (default 15m)")
	f.StringSliceVar(&in.Endpoints, "peer-address", nil, "peer listener's `HOST:PORT` as the holder reaches it")
	return c
}

// tokenArgs says what a purpose is to whoever gives none.
func tokenArgs(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage("what is the token for? give data_center, node, agent or administrator, and whose: concord trust token create agent portal")
	}
	if len(args) > 2 {
		return usage("a token is for one: concord trust token create PURPOSE [NAME]")
	}
	return nil
}

func (p *program) tokenList(t *target) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the tokens, never their text", Args: noArgs,
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			all, err := client.All[wire.JoinTokenView](ctx, conn.Client, joinTokens, nil)
			if err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(append([]wire.JoinTokenView{}, all...))
			}
			var rows [][]string
			for _, v := range all {
				rows = append(rows, []string{v.ID, v.Purpose, or(v.Name + v.ClusterID), v.State, moment(&v.ExpiresAt), moment(v.UsedAt)})
			}
			return p.table([]string{"ID", "PURPOSE", "FOR", "STATE", "EXPIRES", "USED"}, rows)
		})}
}

func (p *program) tokenRevoke(t *target) *cobra.Command {
	return &cobra.Command{Use: "revoke ID", Short: "Withdraw a token that was not used", Args: usageArgs(cobra.ExactArgs(1)),
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodDelete, Path: joinTokens + client.Path(args[0])}); err != nil {
				return err
			}
			_, err := fmt.Fprintln(p.stdout, strings.Map(printable, args[0])+" lets nobody in any more")
			return err
		})}
}

func (p *program) trustJoin(t *target) *cobra.Command {
	return &cobra.Command{Use: "join TOKEN", Short: "Link this data center with the one that made the token", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Runs at the admin listener of the data center that joins. It calls the one that made TOKEN,\n" +
			"knows it by its root's hash, and exchanges roots and addresses; each then has the other as a\n" +
			"partner. TOKEN may be - for the standard input. It works once, whatever comes of it.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			text, err := tokenText(args[0])
			if err != nil {
				return err
			}
			var out wire.Joined
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/trust/join", In: wire.Join{Token: text}, Out: &out, Timeout: time.Minute}); err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(out)
			}
			var rows [][]string
			for i, f := range out.FingerprintsSHA256 {
				if i > 0 {
					rows = append(rows, []string{"", "", "", f})
					continue
				}
				rows = append(rows, []string{out.ClusterID, out.AgentID, out.Primary[0], f})
			}
			return p.table([]string{"PARTNER", "AGENT ID", "ADDRESS", "SHA-256 OF ITS ROOT"}, rows)
		})}
}

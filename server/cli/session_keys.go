package cli

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func (p *program) sessionKeys(t *target) *cobra.Command {
	c := &cobra.Command{
		Use: "keys", Short: "List, rotate and revoke the keys that seal cookies", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(p.keysList(t), p.keysRotate(t), p.keysRevoke(t))
	return c
}

func (p *program) keysList(t *target) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys by id, and which data centers have them", Args: noArgs,
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			return p.askKeys(ctx, conn, client.Request{Method: http.MethodGet, Path: "/v1/cookie-keys"}, t.output)
		}),
	}
}

func (p *program) keysRotate(t *target) *cobra.Command {
	var in wire.CookieKeyRotation
	c := &cobra.Command{
		Use: "rotate", Short: "Put new keys in the place of those that seal", Args: noArgs,
		Long: "Distributes new keys, and uses each as soon as every data center that replicates from the\n" +
			"master has it, so that no cookie is refused. Former keys open what they sealed until that has\n" +
			"expired. --force does not wait: data centers without a key ask for it when they need it.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			return p.askKeys(ctx, conn, client.Request{Method: http.MethodPost, Path: "/v1/cookie-keys/rotate", In: in}, t.output)
		}),
	}
	c.Flags().StringVar(&in.Purpose, "purpose", "", "only the keys of this `PURPOSE`")
	c.Flags().BoolVar(&in.Force, "force", false, "use them before every data center has them")
	return c
}

func (p *program) keysRevoke(t *target) *cobra.Command {
	var in wire.CookieKeyRevocation
	c := &cobra.Command{
		Use: "revoke --all | --purpose PURPOSE | --key ID", Short: "End compromised keys, and every cookie that they sealed", Args: noArgs,
		Long: "Ends keys at once in every data center that can be reached, and says which those are. People\n" +
			"whose cookies they sealed sign in again. Whoever holds one key may have traded a cookie for\n" +
			"one of another: after a theft --all is right. A data center that is cut off goes on to believe\n" +
			"the keys until it hears of it.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			if given := count(in.Force, in.Purpose != "", in.KeyID != 0); given != 1 {
				return usage("say which keys end: one of --all, --purpose and --key")
			}
			return p.askKeys(ctx, conn, client.Request{Method: http.MethodPost, Path: "/v1/cookie-keys/revoke", In: in}, t.output)
		}),
	}
	c.Flags().StringVar(&in.Purpose, "purpose", "", "all keys of this `PURPOSE`")
	c.Flags().Uint32Var(&in.KeyID, "key", 0, "the key with this `ID`")
	c.Flags().BoolVar(&in.Force, "all", false, "all keys; ends every sign-on of everybody")
	return c
}

func count(all ...bool) (n int) {
	for _, one := range all {
		if one {
			n++
		}
	}
	return n
}

func (p *program) askKeys(ctx context.Context, conn *connection, r client.Request, output string) error {
	var v wire.CookieKeys
	r.Out = &v
	if _, err := conn.Do(ctx, r); err != nil {
		return err
	}
	return p.printKeys(v, output)
}

// printKeys leaves out what a terminal has no room for: -o json has all.
func (p *program) printKeys(v wire.CookieKeys, output string) error {
	if output == "json" {
		return p.json(v)
	}
	keys := make([][]string, len(v.Keys))
	for i, k := range v.Keys {
		keys[i] = []string{k.Purpose, strconv.FormatUint(uint64(k.ID), 10), k.State, minute(lastOf(k)), minute(k.OpensUntil), lacking(k)}
	}
	centers := make([][]string, len(v.DataCenters))
	for i, d := range v.DataCenters {
		centers[i] = []string{d.ClusterID, yesNo(d.Current), minute(d.HeardAt)}
	}
	return p.tables(section{[]string{"PURPOSE", "KEY", "STATE", "SINCE", "OPENS UNTIL", "LACKING"}, keys},
		section{[]string{"DATA CENTER", "HAS ALL", "HEARD"}, centers})
}

// lastOf is when a key came into its state.
func lastOf(k wire.CookieKey) *time.Time {
	switch {
	case k.EndedAt != nil:
		return k.EndedAt
	case k.ActivatedAt != nil:
		return k.ActivatedAt
	}
	return &k.CreatedAt
}

// minute fits a table with two of it, and every time of these tables is written so.
func minute(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// lacking counts the data centers without a key; the second table names them.
func lacking(k wire.CookieKey) string {
	if len(k.Missing) == 0 {
		return "-"
	}
	return strconv.Itoa(len(k.Missing))
}

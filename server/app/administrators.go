package app

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/administration"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// administrators is how this node knows who administers it.
func (n *Node) administrators(who people) (*administration.Administrators, error) {
	return administration.New(administration.Config{Source: n.model, Bootstrap: n.token.is, Store: n.state, Audit: audit.New(n.cfg.ClusterID, n.opts.Clock), Clock: n.opts.Clock,
		Passwords: func(ctx context.Context, user, password, from string) (string, error) {
			p, err := who.users.Authenticate(ctx, identity.Attempt{Store: mdc.LocalStore, User: user, Password: password, Source: from})
			return p.Name, err
		}})
}

// tokenGuard refuses an administrator's token without a text, with the text of another one, or that would be over at once.
func (n *Node) tokenGuard(tx *journal.Tx, was, will mdc.Object) error {
	t, ok := will.(*mdc.AdminToken)
	if !ok {
		return nil
	}
	var fields []fault.Field
	if t.Token.Hash == "" {
		fields = append(fields, fault.Field{Pointer: "/token", Detail: "is missing; give at least 32 random characters, or have the server make one with POST"})
	}
	before, _ := was.(*mdc.AdminToken)
	moved := before == nil || before.ExpiresAt == nil || t.ExpiresAt != nil && !before.ExpiresAt.Equal(*t.ExpiresAt)
	if t.ExpiresAt != nil && moved && !n.opts.Clock.Now().Before(*t.ExpiresAt) {
		fields = append(fields, fault.Field{Pointer: "/expires_at", Detail: "is past"})
	}
	if err := fault.InvalidFields("The admin_token cannot be accepted.", fields); err != nil {
		return err
	}
	kind := mdc.AdminTokenKind()
	return tx.Range(kind, "", func(_ string, body []byte) error {
		o, err := kind.Decode(body)
		if err != nil {
			return err
		}
		if other, ok := o.(*mdc.AdminToken); ok && other.Name != t.Name && other.Token.Hash == t.Token.Hash {
			return fault.InvalidFields("The admin_token cannot be accepted.", []fault.Field{{Pointer: "/token", Detail: "is the text of another token already; make one at random for each"}})
		}
		return nil
	})
}

package agent

import (
	"context"
	"strconv"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Identity is who asks.
type Identity struct {
	User      string
	Groups    []string
	Level     int    // of the sign-in
	SSOID     string // of the sign-on, the same in every data center; "sid" in assertions and logout tokens
	Assertion string // all of that, signed
}

type identityKey struct{}

// IdentityOf gives who asks; false on pages where nobody is named.
func IdentityOf(ctx context.Context) (Identity, bool) {
	i, ok := ctx.Value(identityKey{}).(Identity)
	return i, ok
}

// identified is ctx with the person whom Concord named.
func identified(ctx context.Context, a wire.AuthorizeAnswer) context.Context {
	if a.User == "" {
		return ctx
	}
	i := Identity{User: a.User, SSOID: a.SSOID, Assertion: a.Headers[wire.HeaderAssertion]}
	if groups := a.Headers[wire.HeaderGroups]; groups != "" {
		i.Groups = strings.Split(groups, ",")
	}
	i.Level, _ = strconv.Atoi(a.Headers[wire.HeaderLevel]) // Concord wrote it
	return context.WithValue(ctx, identityKey{}, i)
}

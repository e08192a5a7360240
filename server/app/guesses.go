package app

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/identity"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// guesses counts wrong passwords over all data centers: for each account one of them counts, which all find by the same
// hash (rendezvous hashing). Where partners are not the same everywhere, or cannot be asked, several count, each by itself.
type guesses struct {
	self     string
	partners interface{ List() []string }
	links    *links
	counter  *tally
	wait     func() time.Duration

	mu     sync.Mutex           // guards silent
	silent map[string]time.Time // by folded cluster id: not asked before
}

var _ identity.Shared = (*guesses)(nil)

// notAskedFor is how long a partner that did not answer is left alone, so that it does not slow down each sign-in.
const notAskedFor = 5 * time.Second

var errSilent = errors.New("the data center that counts for this account did not answer a moment ago")

// owner is the data center that counts for an account.
func (g *guesses) owner(account string) string {
	return inOrderOf(account, append([]string{g.self}, g.partners.List()...))[0]
}

// Share is a part for each data center.
func (g *guesses) Share(limit int) int { return max(1, limit/(1+len(g.partners.List()))) }

// Take asks the account's owner.
func (g *guesses) Take(ctx context.Context, account, source string, known bool) (uncount func(), granted bool, err error) {
	owner := g.owner(account)
	if mdc.SameName(owner, g.self) {
		at, ok := g.counter.Take(ctx, account, sourceMark(source), known)
		return func() { g.counter.GiveBack(ctx, account, at) }, ok, nil
	}
	if g.isSilent(owner) {
		return nil, false, errSilent
	}
	out, err := g.ask(ctx, owner, wire.SignInAttempt{Account: account, Window: "1m", Source: sourceMark(source), Known: known})
	if err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.silent[mdc.FoldName(owner)] = time.Now().Add(notAskedFor)
		return nil, false, err
	}
	return func() {
		if out.At != nil { // at worst it counts for a minute
			_, _ = g.ask(ctx, owner, wire.SignInAttempt{Account: account, Window: "1m", GiveBack: out.At})
		}
	}, out.Granted, nil
}

// sourceMark tells sources apart at a partner without telling where people are.
func sourceMark(source string) string {
	if source == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("source of a sign-in\x00" + source))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

func (g *guesses) isSilent(owner string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Now().Before(g.silent[mdc.FoldName(owner)])
}

func (g *guesses) ask(ctx context.Context, owner string, in wire.SignInAttempt) (out wire.SignInGrant, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.wait())
	defer cancel()
	err = g.links.do(ctx, owner, client.Request{Method: http.MethodPost, Path: "/peer/v1/sign-in-attempts", In: in, Out: &out})
	return out, err
}

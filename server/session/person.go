package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	maxSignOns = 200             // of one person that a data center lists
	sisterWait = 2 * time.Second // for what the other data centers know
)

// SignOn is one sign-in of a person, as they may see it. It holds nothing that lets anybody in.
type SignOn struct {
	SSOID           mdc.SSOID
	ClientAddress   string
	AuthenticatedAt time.Time
	LastAccess      time.Time
	ExpiresAt       time.Time
	DataCenters     []string // that know it
}

// SignOns are all of a person's.
type SignOns struct {
	All    []SignOn // the one used last first
	Silent []string // data centers that could not be asked
	More   bool     // a data center has more than it tells
}

// Sisters asks the other data centers for a person's sign-ons.
type Sisters interface {
	List() []string
	SignOnsOf(ctx context.Context, cluster, identityStore, user string) (list []SignOn, more bool, err error)
}

// SignOnsFor answers the partner from, whose identity the caller has checked, about one person here.
func (e *Engine) SignOnsFor(ctx context.Context, from, identityStore, user string) (list []SignOn, more bool, err error) {
	if err := e.checkCaller(from); err != nil {
		return nil, false, err
	}
	if !mdc.ValidName(identityStore) || !mdc.ValidName(user) {
		return nil, false, fault.New(fault.Invalid, "invalid_input", "Give an identity store and a user.")
	}
	return e.signOnsHere(ctx, identityStore, user)
}

// signOnsHere reads what this data center knows.
func (e *Engine) signOnsHere(ctx context.Context, identityStore, user string) (list []SignOn, more bool, err error) {
	prefix := []byte("u/" + mdc.FoldName(user) + "/" + identityStore + "/")
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) error {
		list, more = nil, false
		return r.Range(store.Span{Prefix: prefix}, func(k, _ []byte) error {
			s, err := e.listed(r, mdc.SessionID(k[len(prefix):]))
			if err != nil || s == nil {
				return err
			}
			if len(list) == maxSignOns {
				more = true
				return store.ErrStop
			}
			list = append(list, SignOn{SSOID: s.SSOID, ClientAddress: s.ClientAddress, AuthenticatedAt: s.AuthenticatedAt, LastAccess: s.LastAccess,
				ExpiresAt: s.ExpiresAt, DataCenters: []string{e.cfg.ClusterID}})
			return nil
		})
	})
	if err != nil {
		return nil, false, fmt.Errorf("read sign-ons of %s: %w", user, err)
	}
	return list, more, nil
}

// SignOnsEverywhere lists a person's sign-ons in every data center that answers in time.
func (e *Engine) SignOnsEverywhere(ctx context.Context, others Sisters, identityStore, user string) (SignOns, error) {
	own, more, err := e.signOnsHere(ctx, identityStore, user)
	if err != nil {
		return SignOns{}, err
	}
	out := SignOns{More: more}
	merged := map[mdc.SSOID]*SignOn{}
	merge(merged, own)
	var all sync.WaitGroup
	var mu sync.Mutex // guards out and merged
	limit, cancel := context.WithTimeout(ctx, sisterWait)
	defer cancel()
	for _, cluster := range others.List() {
		if mdc.SameName(cluster, e.cfg.ClusterID) {
			continue
		}
		all.Go(func() {
			list, more, err := others.SignOnsOf(limit, cluster, identityStore, user)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				e.cfg.Logger.Warn("partner does not tell a person's sign-ons", "partner", cluster, "error", err)
				out.Silent = append(out.Silent, cluster)
				return
			}
			out.More = out.More || more || len(list) > maxSignOns
			merge(merged, claimed(cluster, list[:min(len(list), maxSignOns)]))
		})
	}
	all.Wait()
	for _, s := range merged {
		if s.ExpiresAt.After(e.now()) && !e.log.Denies(s.SSOID, revocation.UserKey(identityStore, user), s.AuthenticatedAt) {
			out.All = append(out.All, *s)
		}
	}
	slices.SortFunc(out.All, func(a, b SignOn) int {
		return cmp.Or(b.LastAccess.Compare(a.LastAccess), cmp.Compare(a.SSOID, b.SSOID))
	})
	slices.Sort(out.Silent)
	return out, nil
}

// claimed takes what a partner says for its own word: it speaks for itself only, and within bounds.
func claimed(cluster string, list []SignOn) (out []SignOn) {
	for _, s := range list {
		if _, ok := parse128(string(s.SSOID)); !ok || len(s.ClientAddress) > maxAddress {
			continue
		}
		s.DataCenters = []string{cluster}
		out = append(out, s)
	}
	return out
}

func merge(into map[mdc.SSOID]*SignOn, list []SignOn) {
	for _, s := range list {
		known := into[s.SSOID]
		if known == nil {
			into[s.SSOID] = &s
			continue
		}
		known.DataCenters = append(known.DataCenters, s.DataCenters...)
		slices.Sort(known.DataCenters)
		if s.LastAccess.After(known.LastAccess) {
			known.LastAccess = s.LastAccess
		}
		if s.ExpiresAt.After(known.ExpiresAt) {
			known.ExpiresAt = s.ExpiresAt
		}
		known.ClientAddress = cmp.Or(known.ClientAddress, s.ClientAddress)
	}
}

// EndSignOns ends sign-ons of one person everywhere: those of which choose says so, among what the data centers list as that
// person's now, so that nobody ends another's by naming it. ended counts them; the receipt is that of the last one.
func (e *Engine) EndSignOns(ctx context.Context, others Sisters, identityStore, user string, choose func(SignOn) bool) (r Receipt, ended int, err error) {
	list, err := e.SignOnsEverywhere(ctx, others, identityStore, user)
	if err != nil {
		return r, 0, err
	}
	var position uint64
	for _, s := range list.All {
		if !choose(s) {
			continue
		}
		if other, err := e.ofAnother(ctx, s.SSOID, identityStore, user); err != nil {
			return r, ended, err
		} else if other {
			continue
		}
		ending := audit.Event{Actor: "user:" + user, Action: actSignOut, Target: "sign_on/" + string(s.SSOID), User: user, Store: identityStore, SignOn: string(s.SSOID), Reason: endByOwner}
		unrecorded := e.recordFirst(ctx, ending)
		position, err = e.revoke(ctx, s.SSOID, earlier(s.ExpiresAt, e.now().Add(revocation.MaxLifetime)))
		if err = errors.Join(err, unrecorded); err != nil {
			return r, ended, err
		}
		r.SSOID, r.User = s.SSOID, user
		ended++
	}
	if ended > 0 {
		r.DataCenters = e.acknowledged(ctx, position)
	}
	return r, ended, nil
}

// ofAnother says that a sign-on, which a partner counts among a person's, is known here to be somebody else's. Then it is not
// ended in that person's name, whatever the partner says.
func (e *Engine) ofAnother(ctx context.Context, sso mdc.SSOID, identityStore, user string) (bool, error) {
	s, _, err := e.lookUp(ctx, "", sso)
	if err != nil || s == nil || revocation.UserKey(s.Store, s.User) == revocation.UserKey(identityStore, user) {
		return false, err
	}
	e.cfg.Logger.Warn("a partner counts somebody's sign-on as another's; it is not ended", "sso_id", sso, "user", user)
	return true, nil
}

// HasSession says whether a sign-in cookie belongs to a session of this data center that may be used. It asks nobody else, changes
// nothing, and says no where it cannot tell.
func (e *Engine) HasSession(ctx context.Context, cookie string) bool {
	if cookie == "" {
		return false
	}
	c, err := e.openClaim(payloadSignIn, e.signInAt(), cookie)
	if err != nil || !c.ExpiresAt.After(e.now()) {
		return false
	}
	var s *mdc.Session
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) (err error) {
		if s, _, err = readAny(r, c.ID, c.SSOID); err != nil || s == nil {
			return err
		}
		s, err = e.listed(r, s.ID)
		return err
	})
	return err == nil && s != nil && s.SSOID == c.SSOID
}

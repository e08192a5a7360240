package topology

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	storesTime    = 15 * time.Second // for the identity stores of one data center, which asks every server of each
	maxStoresFrom = 1000             // of one data center that are taken
)

// Store is an identity store as one data center finds it.
type Store struct {
	ClusterID  string // of the data center
	Name       string
	People     string   // what decides who is found: search base, name attribute and filter
	Plaintext  bool     // a server is talked with in clear, beyond the machine itself
	Overridden []string // JSON pointers of what the data center lays over the store
	Checks     []StoreCheck
}

// StoreCheck is one step of a probe of one server.
type StoreCheck struct {
	Server string // URL
	Name   string // reachable, tls, bind, user_base, group_base
	Pass   bool
	Detail string
}

// Serves says whether a server of the store passes every check.
func (s Store) Serves() bool {
	good := map[string]bool{}
	for _, c := range s.Checks {
		if _, known := good[c.Server]; !known {
			good[c.Server] = true
		}
		good[c.Server] = good[c.Server] && c.Pass
	}
	for _, ok := range good {
		if ok {
			return true
		}
	}
	return false
}

// Stores is every identity store as this data center finds it, and as each partner does that tells. why says of a partner why
// it does not, by cluster id.
func (v *Validator) Stores(ctx context.Context) (own []Store, theirs map[string][]Store, why map[string]string, err error) {
	theirs, why = map[string][]Store{}, map[string]string{}
	if own, err = v.ownStores(ctx); err != nil || v.c.AskStores == nil {
		return own, theirs, why, err
	}
	partners, _, _, err := v.registered(ctx)
	if err != nil {
		return own, theirs, why, err
	}
	var group errgroup.Group
	group.SetLimit(probeMany)
	var mu sync.Mutex // guards theirs and why
	for _, p := range partners {
		group.Go(func() error {
			asking, cancel := context.WithTimeout(ctx, storesTime)
			defer cancel()
			got, err := v.c.AskStores(asking, p.ClusterID)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				why[p.ClusterID] = safe(err)
				return nil
			}
			got = got[:min(len(got), maxStoresFrom)]
			for i := range got { // it speaks for itself only
				got[i].ClusterID = p.ClusterID
			}
			theirs[p.ClusterID] = got
			return nil
		})
	}
	_ = group.Wait() // nobody gives an error
	return own, theirs, why, ctx.Err()
}

// AnswerStores gives a partner the identity stores of this data center. fault.Forbidden management_not_allowed.
func (v *Validator) AnswerStores(ctx context.Context) ([]Store, error) {
	if err := managed(ctx, v.c.Log, v.c.ClusterID, "tells nobody of its identity stores"); err != nil {
		return nil, err
	}
	return v.ownStores(ctx)
}

func (v *Validator) ownStores(ctx context.Context) ([]Store, error) {
	if v.c.Stores == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storesTime-probeTime)
	defer cancel()
	own, err := v.c.Stores(ctx)
	for i := range own {
		own[i].ClusterID = v.c.ClusterID
	}
	return own, err
}

// stores looks at the identity stores of every data center (OAM-12). Where none is declared here nobody is asked.
func (r *report) stores(ctx context.Context) error {
	own, theirs, why, err := r.v.Stores(ctx)
	if err != nil || len(own) == 0 {
		return err
	}
	for _, s := range own {
		r.store(s, "identity_store "+s.Name)
	}
	for id, reason := range why {
		r.add(SeverityWarning, "identity_stores_unknown", "edge "+r.v.c.ClusterID+" to "+id, id+" does not tell how its identity stores are: "+sentence(reason), "Run concord validate with the endpoint of "+id+".")
	}
	for id, list := range theirs {
		r.compare(id, own, list)
	}
	return nil
}

// store tells what fails at one data center. While another server of the store serves, nobody is kept out.
func (r *report) store(s Store, subject string) {
	severity := SeverityError
	if s.Serves() {
		severity = SeverityWarning
	}
	for _, c := range s.Checks {
		if !c.Pass {
			r.add(severity, "identity_store_"+c.Name, subject, fmt.Sprintf("%s: %s%s", c.Server, strings.TrimSuffix(c.Detail, "."), overridden(s)+"."), "Correct the store or the directory; POST /v1/identity-stores/"+s.Name+"/test asks again.")
		}
	}
	if s.Plaintext {
		r.add(SeverityWarning, "identity_store_plaintext", subject, "Passwords go to a server of it in clear, because allow_plaintext is set"+overridden(s)+".", "Use ldaps:// or start_tls, and take allow_plaintext away.")
	}
}

func overridden(s Store) string {
	if len(s.Overridden) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s has values of its own: %s)", s.ClusterID, strings.Join(s.Overridden, ", "))
}

// compare finds what one data center has and the other has not, or has otherwise: a session names its store, and is looked up in the
// store of that name everywhere.
func (r *report) compare(id string, own, list []Store) {
	hint := "Identity stores are replicated: see the replication agreement with " + id + ", or declare the store there too."
	for _, s := range own {
		i := slices.IndexFunc(list, func(o Store) bool { return o.Name == s.Name })
		if i < 0 {
			r.add(SeverityError, "identity_store_missing", "identity_store "+s.Name, fmt.Sprintf("%s has no identity store of this name, so nobody of it can go there.", id), hint)
			continue
		}
		subject := "identity_store " + s.Name + " at " + id
		r.store(list[i], subject)
		if list[i].People != s.People {
			r.add(SeverityWarning, "identity_store_differs", subject, fmt.Sprintf("It looks for people otherwise than %s does%s: the same name may be somebody else.", r.v.c.ClusterID, overridden(list[i])+overridden(s)), "Let only urls and what belongs to connections differ between data centers.")
		}
	}
	for _, o := range list {
		if mdc.ValidName(o.Name) && !slices.ContainsFunc(own, func(s Store) bool { return s.Name == o.Name }) {
			r.add(SeverityError, "identity_store_missing", "identity_store "+o.Name, fmt.Sprintf("%s has it and %s has not, so nobody of it can come here.", id, r.v.c.ClusterID), hint)
		}
	}
}

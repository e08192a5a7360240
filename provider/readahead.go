package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	aheadFrom = 32              // reads of a kind within aheadFor, from which on a list answers the next ones
	aheadFor  = 2 * time.Second // what a list says counts for so long, from before it was asked for
	aheadMost = 4000            // objects; a kind that has more is read one by one
	aheadPart = 10              // a list that answers fewer reads than a tenth of its objects is not worth another one
)

// readAhead answers many reads of one kind that come together, as Terraform's refresh of a thousand objects does, from one list
// instead of a request for each. What it answers is as it was at the data center at most aheadFor before the read, and not before the
// last write of this provider began: until then, and of objects that the list does not have, each is asked for by itself.
type readAhead struct {
	mu    sync.Mutex // guards kinds and what they hold
	kinds map[string]*aheadKind
}

type aheadKind struct {
	off   bool // lists are of no use here
	reads int  // since from
	from  time.Time
	list  *aheadList
}

// aheadList is one list, under way until done is closed.
type aheadList struct {
	at     time.Time
	writes uint64 // of the client when it was asked for
	hits   int    // guarded by readAhead's mutex
	done   chan struct{}
	byID   map[string]aheadObject
	err    error
}

type aheadObject struct {
	etag string
	view json.RawMessage
}

// errAheadMany ends a list that is longer than it is worth.
var errAheadMany = errors.New("more objects than are read at once")

// aheadable says whether objects of the kind are in its list by their ids.
func (k kind) aheadable() bool {
	return !k.singleton && !k.numbered && !k.nested && !k.atOnce && k.members == "" && k.asked == nil
}

// read fills view with the object of an id, from a list where one is at hand.
func (r *readAhead) read(ctx context.Context, c *client.Client, k kind, id string, view any) (etag string, ok bool) {
	if r == nil || !k.aheadable() {
		return "", false
	}
	list, mine := r.listOf(c, k)
	if list == nil {
		return "", false
	}
	if mine {
		list.byID, list.err = listAhead(ctx, c, k)
		close(list.done)
	}
	select {
	case <-list.done:
	case <-ctx.Done():
		return "", false
	}
	if list.err != nil {
		r.failed(ctx, k, list)
		return "", false
	}
	o, ok := list.byID[id]
	if !ok || c.Writes() != list.writes || json.Unmarshal(o.view, view) != nil {
		return "", false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list.hits++
	return o.etag, true
}

// listOf gives the list that counts now, nil for none; with mine the caller has to ask for it.
func (r *readAhead) listOf(c *client.Client, k kind) (list *aheadList, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kinds == nil {
		r.kinds = map[string]*aheadKind{}
	}
	of := r.kinds[k.name]
	if of == nil {
		of = &aheadKind{}
		r.kinds[k.name] = of
	}
	now, writes := time.Now(), c.Writes()
	if l := of.list; l != nil && now.Sub(l.at) < aheadFor && l.writes == writes {
		return l, false
	}
	if l := of.list; l != nil && l.ended() && l.hits*aheadPart < len(l.byID) {
		of.off = true
	}
	if of.list = nil; of.off {
		return nil, false
	}
	if now.Sub(of.from) >= aheadFor {
		of.from, of.reads = now, 0
	}
	if of.reads++; of.reads <= aheadFrom {
		return nil, false
	}
	of.list = &aheadList{at: now, writes: writes, done: make(chan struct{})}
	return of.list, true
}

func (l *aheadList) ended() bool {
	select {
	case <-l.done:
		return l.err == nil
	default:
		return false
	}
}

// failed leaves the kind to single requests, which say what is wrong; a caller that was cut off says nothing about the next one.
func (r *readAhead) failed(ctx context.Context, k kind, list *aheadList) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.kinds[k.name]
	of.off = of.off || ctx.Err() == nil && !errors.Is(list.err, context.Canceled)
	if of.list == list {
		of.list = nil
	}
}

// listAhead asks for every object of a kind, as single reads would show it.
func listAhead(ctx context.Context, c *client.Client, k kind) (map[string]aheadObject, error) {
	query := url.Values{"limit": {lookPage}, "etags": {"true"}}
	for name, value := range k.reading() {
		query[name] = value
	}
	byID := map[string]aheadObject{}
	err := client.Pages(ctx, c, client.Path(k.path...), query, func(page wire.Page[json.RawMessage]) error {
		if len(page.ETags) != len(page.Items) || len(byID)+len(page.Items) > aheadMost {
			return errAheadMany
		}
		for i, view := range page.Items {
			var of struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal(view, &of); err != nil {
				return err
			}
			byID[of.ID] = aheadObject{page.ETags[i], view}
		}
		return nil
	})
	return byID, err
}

// look reads one object as it is replicated.
func (b *base[M, V, P]) look(ctx context.Context, id string, view *V) (etag string, err error) {
	if etag, ok := b.ahead.read(ctx, b.client, b.kind, id, view); ok {
		return etag, nil
	}
	var alone V // the list may have left something in the other
	res, err := b.client.Do(ctx, client.Request{Method: http.MethodGet, Path: b.at(id), Query: b.reading(), Out: &alone})
	*view = alone
	return res.ETag, err
}

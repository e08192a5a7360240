package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func (s *Server) lockRoutes() []route {
	const one = "/v1/locks/{kind}/{name}"
	return []route{
		{method: http.MethodGet, path: "/v1/locks", summary: "List the locks that administrators hold in this data center", query: []string{"limit", "cursor"}, out: wire.Page[wire.LockView]{}, needs: bySubject, handle: s.listLocks},
		{method: http.MethodGet, path: one, summary: "Who holds the lock of an object", out: wire.LockView{}, needs: bySubject, handle: s.getLock},
		{method: http.MethodPut, path: one, summary: "Take the lock of an object, or get more time; writes then need its fencing number in Concord-Lock", in: wire.LockRequest{}, out: wire.LockView{}, needs: bySubject, handle: s.takeLock},
		{method: http.MethodDelete, path: one, summary: "Release a lock by its fencing number in Concord-Lock, or with force anybody's", query: []string{"force"}, status: http.StatusNoContent, needs: bySubject, handle: s.releaseLock},
	}
}

// lockable gives the kind and name that a lock's address is about: of a kind with routes, but no override, which is
// covered by the lock of its object.
func (s *Server) lockable(c *call) (mdc.Kind, string, error) {
	k, ok := s.kindNamed(c.Param("kind"))
	if !ok || k.over {
		return mdc.Kind{}, "", fault.New(fault.NotFound, "not_found", "There is no kind %q whose objects can be locked.", clip(c.Param("kind")))
	}
	return k.kind, c.Param("name"), nil
}

func (s *Server) kindNamed(name string) (kindRoutes, bool) {
	for _, k := range s.kinds() {
		if k.kind.Name == name {
			return k, true
		}
	}
	return kindRoutes{}, false
}

func (s *Server) takeLock(c *call) error {
	kind, name, err := s.lockable(c)
	if err != nil {
		return err
	}
	var in wire.LockRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	ask := configuration.Request{Owner: in.Owner}
	if in.Timeout != "" {
		if ask.Timeout, err = time.ParseDuration(in.Timeout); err != nil || ask.Timeout == 0 {
			return fault.InvalidFields("The lock cannot be given.", []fault.Field{{Pointer: "/timeout", Detail: "is no duration above zero; write a number with a unit, such as \"3m\""}})
		}
	}
	lock, err := s.c.Configuration.Lock(c.Request.Context(), c.actor(), kind, name, ask)
	if err != nil {
		return err
	}
	return c.answer(lockView(lock))
}

func (s *Server) getLock(c *call) error {
	kind, name, err := s.lockable(c)
	if err != nil {
		return err
	}
	lock, err := s.c.Configuration.Locked(c.Request.Context(), c.actor(), kind, name)
	if err != nil {
		return err
	}
	return c.answer(lockView(lock))
}

func (s *Server) releaseLock(c *call) error {
	kind, name, err := s.lockable(c)
	if err != nil {
		return err
	}
	number, err := c.lock()
	if err != nil {
		return err
	}
	if err := s.c.Configuration.Unlock(c.Request.Context(), c.actor(), kind, name, number, c.Query("force") == "true"); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}

func (s *Server) listLocks(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := s.openCursor("lock", c.Query("cursor"))
	if err != nil {
		return err
	}
	locks, next, err := s.c.Configuration.Locks(c.Request.Context(), c.actor(), after, limit)
	if err != nil {
		return err
	}
	page := wire.Page[wire.LockView]{Items: make([]wire.LockView, 0, len(locks))}
	for _, l := range locks {
		page.Items = append(page.Items, lockView(l))
	}
	if page.NextCursor, err = s.sealCursor("lock", next); err != nil {
		return err
	}
	return c.answer(page)
}

func lockView(l configuration.Lock) wire.LockView {
	return wire.LockView{ID: strings.Join([]string{l.Kind, l.Name}, "/"), Kind: l.Kind, Name: l.Name, Owner: l.Owner, Actor: l.Actor,
		FencingNumber: l.Number, TakenAt: l.TakenAt.UTC(), ExpiresAt: l.ExpiresAt.UTC()}
}

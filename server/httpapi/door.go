package httpapi

import (
	"errors"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/admission"
)

// door is the way to a route's handler: through it goes who finds a place (FLT-29). Who stands in a place is worked for: a stranger's body is
// there before, and a stranger's answer is sent afterwards, so that nobody holds a place by being slow (SEC-64).
type door struct {
	s      *Server
	route  *route
	class  string
	places *admission.Places
	who    func(*call) (string, error) // whose part it is, or why nobody's; nil: callers are not told apart
	pause  func(*call) error           // in the place, before the handler; nil = none
	held   bool                        // the answer is sent when the place is given back
}

// crowdedBody is how long a stranger's body may take while many are on their way.
const (
	crowdedBody = 3 * time.Second
	mostBodies  = 64 // of strangers that come over one connection at once
)

// serve has the handler answer. A nil door is open.
func (d *door) serve(c *call) error {
	if d == nil {
		return c.route.handle(c)
	}
	if d.route.ahead > 0 && c.Request.ContentLength != 0 {
		if err := d.readAhead(c); err != nil {
			return err
		}
	}
	if d.class == classDecisions {
		return d.decision(c)
	}
	if !d.held {
		return d.counted(d.enter(c))
	}
	h := hold(c)
	defer h.end()
	err := d.enter(c)
	if h.end(); err == nil {
		h.send()
	}
	return d.counted(err)
}

// decision is enter for an agent that is known: it costs atomic additions only.
func (d *door) decision(c *call) error {
	share := c.known().share
	if err := d.places.EnterBy(share); err != nil {
		return d.counted(err)
	}
	defer d.places.LeaveBy(share)
	return d.route.handle(c)
}

func (d *door) enter(c *call) error {
	caller := ""
	if d.who != nil {
		var err error
		if caller, err = d.who(c); err != nil {
			return err
		}
	}
	if err := d.places.Enter(caller); err != nil {
		return err
	}
	defer d.places.Leave(caller)
	if d.pause != nil {
		if err := d.pause(c); err != nil {
			return err
		}
	}
	return d.route.handle(c)
}

// readAhead reads a stranger's body. How many are on their way is bounded, and how many of them over one connection; when they are many, they are
// given little time.
func (d *door) readAhead(c *call) (err error) {
	if places := d.s.bodies(d.class); places != nil {
		if v := visitorOf(c.Request); v != nil {
			defer v.bodies.Add(-1)
			if v.bodies.Add(1) > mostBodies {
				return d.s.refused(classBodies, errBodies())
			}
		}
		if err := places.Enter(""); err != nil {
			return d.s.refused(classBodies, err)
		}
		defer places.Leave("")
		if places.Crowded() {
			limitBodyTime(c.Writer, time.Now().Add(crowdedBody))
		}
	}
	c.early, err = c.read(d.route.ahead)
	c.isRead = err == nil
	return err
}

func errBodies() error {
	e := fault.New(fault.Unavailable, admission.CodeTooMany, "Too many requests are begun on this connection and not finished. Send their bodies first.")
	e.RetryAfter = time.Second
	return e
}

// bodies bounds those of the runtime listener's strangers; at the peer listener the rate of strangers does.
func (s *Server) bodies(class string) *admission.Places {
	if class == classStrangers {
		return nil
	}
	return s.c.Admission.Bodies
}

func (d *door) counted(err error) error { return d.s.refused(d.class, err) }

// refused counts a request that there is no room for, and gives err.
func (s *Server) refused(class string, err error) error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Unavailable {
		switch f.Code {
		case admission.CodeOverloaded, admission.CodeTooMany, codeBusy:
			s.figures.shed.WithLabelValues(class, f.Code).Inc()
		}
	}
	return err
}

// codeBusy is identity's: no turn came to check a password.
const codeBusy = "busy"

// within does something in a place of a class, for a handler that learns late whose it is.
func (s *Server) within(class, caller string, do func() error) error {
	places := placesOf(s.c.Admission, class)
	if err := places.Enter(caller); err != nil {
		return s.refused(class, err)
	}
	defer places.Leave(caller)
	return do()
}

package ldap

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// Names of the checks of a probe, in the order in which they are made. One that fails is the last one of its server.
const (
	CheckReachable = "reachable" // something answers at the address, and the node may connect to it
	CheckTLS       = "tls"       // its certificate is believed, for its name
	CheckBind      = "bind"      // it takes bind_dn with its password
	CheckUserBase  = "user_base" // user_search_base is there
	CheckGroupBase = "group_base"
)

// Check is one step of a probe of one server.
type Check struct {
	Server string // URL
	Name   string
	Pass   bool
	Detail string
}

// Probe asks every server anew, over connections of its own, and whatever is remembered of failures. It changes nothing.
func (s *Store) Probe(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	each := make([][]Check, len(s.servers))
	var group errgroup.Group
	for i, sv := range s.servers {
		group.Go(func() error {
			each[i] = sv.probe(ctx)
			return nil
		})
	}
	_ = group.Wait() // nobody gives an error
	var out []Check
	for _, checks := range each {
		out = append(out, checks...)
	}
	return out
}

func (t *target) probe(ctx context.Context) (out []Check) {
	note := func(name string, err error, well string) {
		c := Check{Server: t.url, Name: name, Pass: err == nil, Detail: well}
		if err != nil {
			c.Detail = said(err)
		}
		out = append(out, c)
	}
	l, err := t.searcher(ctx)
	failed, _ := errors.AsType[*stageError](err)
	for _, stage := range []struct{ stage, check, well string }{{stageConnect, CheckReachable, "answers"}, {stageTLS, CheckTLS, t.protection()}, {stageBind, CheckBind, t.account()}} {
		if failed != nil && failed.stage == stage.stage {
			note(stage.check, failed.err, "")
			return out
		}
		note(stage.check, nil, stage.well)
	}
	defer l.close()
	set := &t.cfg.Settings
	for _, base := range []struct{ check, dn string }{{CheckUserBase, set.UserSearchBase}, {CheckGroupBase, set.GroupSearchBase}} {
		if base.dn == "" {
			continue
		}
		entries, err := l.search(ctx, question{base: base.dn, scope: ldap.ScopeBaseObject, filter: anything, attributes: []string{"1.1"}, limit: 1})
		if err == nil && len(entries) == 0 || ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
			err = fmt.Errorf("%q is not there, or bind_dn may not see it", base.dn)
		}
		note(base.check, err, base.dn)
		if err != nil {
			return out
		}
	}
	return out
}

func (t *target) protection() string {
	switch {
	case t.secure:
		return "over TLS, the certificate is believed"
	case t.startTLS:
		return "StartTLS, the certificate is believed"
	}
	return "not encrypted"
}

func (t *target) account() string {
	if t.cfg.Settings.BindDN == "" {
		return "asked as nobody in particular"
	}
	return "as " + t.cfg.Settings.BindDN
}

// said is why a step failed, in words that an administrator may see in any data center.
func said(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Message
	}
	if e, ok := errors.AsType[*ldap.Error](err); ok {
		return reason(e)
	}
	return brief(err)
}

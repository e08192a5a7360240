package ldap

import (
	"context"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// question is one search.
type question struct {
	base       string
	scope      int
	filter     string
	attributes []string
	limit      int // entries that the answer may have; more are errTooMany
	page       int // entries of one page (RFC 2696); 0 = all in one answer
}

// search asks until there is no page any more.
func (l *line) search(ctx context.Context, q question) (out []*ldap.Entry, err error) {
	req := ldap.NewSearchRequest(q.base, q.scope, ldap.NeverDerefAliases, q.limit+1, l.seconds(), false, q.filter, q.attributes, nil)
	var paging *ldap.ControlPaging
	if q.page > 0 {
		paging = ldap.NewControlPaging(uint32(q.page)) //nolint:gosec // bounded by the settings
		req.Controls, req.SizeLimit = []ldap.Control{paging}, 0
	}
	for {
		var res *ldap.SearchResult
		err := l.ask(ctx, func(c *ldap.Conn) (err error) {
			res, err = c.Search(req)
			return err
		})
		if res != nil {
			out = append(out, res.Entries...)
		}
		if len(out) > q.limit || ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
			return nil, errTooMany
		}
		if err != nil {
			return nil, err
		}
		more := next(res)
		if paging == nil || len(more) == 0 {
			return out, nil
		}
		paging.SetCookie(more)
	}
}

// next is where the next page begins; empty on the last one.
func next(res *ldap.SearchResult) []byte {
	if c, ok := ldap.FindControl(res.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging); ok {
		return c.Cookie
	}
	return nil
}

// seconds tells the directory how long it may search, so that it does not go on when nobody waits.
func (l *line) seconds() int {
	return int((l.server.cfg.Settings.RequestTimeout.D() + time.Second - 1) / time.Second)
}

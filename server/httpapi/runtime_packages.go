package httpapi

import (
	"context"
	"mime"
	"net/http"
	"net/url"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session"
)

const codeNoPackage = "no_package"

// fetchPackage gives a package to a signed-in user whom it names, or one of whose groups, and breaks it off when that is not so
// any more (MSS-11).
func (s *Server) fetchPackage(c *call) error {
	var p *mdc.Package
	var found session.Found
	err := s.within(classPages, "", func() (err error) {
		p, found, err = s.entitled(c)
		return err
	})
	if err != nil || p == nil {
		return err
	}
	return s.within(classTransfers, found.Session.Store+"/"+mdc.FoldName(found.Session.User), func() error { return s.sendPackage(c, p, found.Session) })
}

// entitled finds out who asks, and gives the package; nil when the browser is on its way to the sign-in page.
func (s *Server) entitled(c *call) (*mdc.Package, session.Found, error) {
	name := c.Param("name")
	cookie, _ := s.signInCookie(c)
	found, err := s.c.Sessions.VisitWith(s.traced(c, ""), cookie, s.inactivityCookie(c))
	if err != nil {
		return nil, found, err
	}
	if found.Session == nil {
		c.Header("Cache-Control", "no-store")
		c.Redirect(http.StatusSeeOther, "/login?"+url.Values{"package": {packageName(name)}}.Encode())
		return nil, found, nil
	}
	s.setCookies(c, found.SetCookies)
	p, err := s.packageFor(c.Request.Context(), name, found.Session)
	return p, found, err
}

func (s *Server) sendPackage(c *call, p *mdc.Package, v *mdc.Session) error {
	ctx := c.Request.Context()
	f, _, err := s.c.Blobs.Open(p.SHA256, p.Size)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	h := c.Writer.Header()
	h.Set("Content-Disposition", attachment(p))
	h.Set("Cache-Control", "private, no-cache") // the browser may keep it, if it asks again each time; nobody in between may
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Add("Vary", "Cookie")
	c.serveOctets(f, p.SHA256, func() error {
		now, err := s.c.Sessions.Recheck(ctx, v.ID)
		if err == nil {
			_, err = s.packageFor(ctx, c.Param("name"), now)
		}
		return err
	})
	return nil
}

// packageFor answers alike for a package that there is not and for one that is not the user's: names are nobody's business.
func (s *Server) packageFor(ctx context.Context, name string, v *mdc.Session) (*mdc.Package, error) {
	refused := fault.New(fault.Forbidden, codeNoPackage, "There is no package of this name for you.")
	if !mdc.ValidName(name) {
		return nil, refused
	}
	res, err := s.c.Configuration.Get(ctx, configuration.System("packages"), mdc.PackageKind(), name)
	if fault.Is(err, fault.NotFound) {
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	p, err := mdc.As[*mdc.Package](res.Object)
	if err != nil {
		return nil, err
	}
	if !p.Entitles(v.User, v.Groups) {
		return nil, refused
	}
	return p, nil
}

// attachment makes the browser save the content rather than show it.
func attachment(p *mdc.Package) string {
	name := p.FileName
	if name == "" {
		name = p.Name
	}
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}

// packageName lets through what can be a package's name; "" for anything else, which came in an address or a form.
func packageName(s string) string {
	if !mdc.ValidName(s) {
		return ""
	}
	return s
}

// afterSignIn is where a person goes who signed in without an application: to the package or the page that they wanted, if any.
func afterSignIn(form map[string]string) string {
	if name := packageName(form["package"]); name != "" {
		return "/packages/" + url.PathEscape(name)
	}
	switch destination(form["to"]) {
	case toSessions:
		return accountPath
	case toPassword:
		return passwordPath
	}
	return "/login"
}

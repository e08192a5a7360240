package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed assets/console.css
var stylesheet []byte

//go:embed assets/icon.svg
var icon []byte

// Pages holds the parsed templates. Safe for concurrent use.
type Pages struct {
	pages     map[string]*template.Template
	catalogue *catalogue
	theme     Theme
	css       []byte
}

// New parses the templates, reads the catalogues and lays the theme over them.
func New(theme Theme) (*Pages, error) {
	if err := theme.check(); err != nil {
		return nil, fmt.Errorf("make pages: %w", err)
	}
	p := &Pages{pages: map[string]*template.Template{}, theme: theme, css: slices.Concat(stylesheet, theme.CSS)}
	var err error
	if p.catalogue, err = newCatalogue(); err != nil {
		return nil, err
	}
	name := theme.Title
	if name == "" {
		name = "Concord"
	}
	own := template.FuncMap{"machine": machine,
		"style": func() template.CSS { return template.CSS(p.css) }, //nolint:gosec // our own file, and an administrator's that has no <
		"brand": func() string { return name }, "logo": func() bool { return len(theme.Logo) > 0 }}
	for _, name := range []string{"login", "signed_in", "logout", "signed_out", "sessions", "password", "error"} {
		t, err := template.New("layout.html").Funcs(own).ParseFS(templates, "templates/layout.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("parse page %s: %w", name, err)
		}
		p.pages[name] = t
	}
	return p, nil
}

// Text gives the catalogue for a browser's Accept-Language.
func (p *Pages) Text(acceptLanguage string) *Text { return p.catalogue.choose(acceptLanguage) }

// Stylesheet gives the style sheet with the theme's, UTF-8. The caller may keep and change it.
func (p *Pages) Stylesheet() []byte { return slices.Clone(p.css) }

// Icon gives the pages' icon, SVG, which they expect at /assets/icon.svg. The caller may keep and change it.
func (*Pages) Icon() []byte { return slices.Clone(icon) }

// Login writes the sign-in form. It posts user, password, request and token to /login.
func (p *Pages) Login(w io.Writer, d Login) error { return p.render(w, "login", d) }

// SignedIn writes what somebody sees who visits /login with a session and without a request.
func (p *Pages) SignedIn(w io.Writer, d SignedIn) error { return p.render(w, "signed_in", d) }

// Logout writes the question before signing out. Its form posts token to /logout.
func (p *Pages) Logout(w io.Writer, d Logout) error { return p.render(w, "logout", d) }

// SignedOut writes the confirmation with a receipt for each data center.
func (p *Pages) SignedOut(w io.Writer, d SignedOut) error { return p.render(w, "signed_out", d) }

// Sessions writes a person's own sign-ins. Its forms post token and sso, or token and others, to /account/sessions.
func (p *Pages) Sessions(w io.Writer, d Sessions) error { return p.render(w, "sessions", d) }

// Password renders the page on which people change their password.
func (p *Pages) Password(w io.Writer, d Password) error { return p.render(w, "password", d) }

// Error writes what went wrong and what to do about it.
func (p *Pages) Error(w io.Writer, d Error) error { return p.render(w, "error", d) }

// render writes only whole pages: half of one would be shown as if it were all.
func (p *Pages) render(w io.Writer, name string, data any) error {
	var b bytes.Buffer
	if err := p.pages[name].Execute(&b, data); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	return nil
}

// machine is a time for programs (HTML datetime attribute).
func machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

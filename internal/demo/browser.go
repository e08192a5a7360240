package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// maxHops is how many redirects a browser follows before it gives up.
const maxHops = 12

// browser is a person's browser: it keeps cookies (by host, whatever the port), follows redirects and sends what browsers
// send with a navigation.
type browser struct {
	http *http.Client
	jar  *cookiejar.Jar
}

// page is what the person sees.
type page struct {
	url    *url.URL
	status int
	body   string
	trail  []string // each hop: method, address without its query, status
	forms  []form
}

// newBrowser starts with an empty jar.
func newBrowser(t *tls.Config) *browser {
	jar, _ := cookiejar.New(nil) // its only error is one of its options
	return &browser{jar: jar, http: &http.Client{
		Jar: jar, Timeout: 20 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: t.Clone(), ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// saved gives another browser with the cookies that this one has now: what a thief would have copied.
func (b *browser) saved(t *tls.Config, at string) (*browser, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", at, err)
	}
	thief := newBrowser(t)
	var cookies []*http.Cookie
	for _, c := range b.jar.Cookies(u) {
		cookies = append(cookies, &http.Cookie{Name: c.Name, Value: c.Value, Path: "/", Secure: true})
	}
	if len(cookies) == 0 {
		return nil, fmt.Errorf("the browser has no cookie for %s", u.Host)
	}
	thief.jar.SetCookies(u, cookies)
	return thief, nil
}

// open types an address.
func (b *browser) open(ctx context.Context, address string) (*page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", address, err)
	}
	req.Header.Set("Sec-Fetch-Site", "none")
	return b.follow(ctx, req)
}

// submit sends a form of a page as a click would.
func (b *browser) submit(ctx context.Context, p *page, f form, values url.Values) (*page, error) {
	for name, value := range f.hidden {
		values.Set(name, value)
	}
	action, err := p.url.Parse(f.action)
	if err != nil {
		return nil, fmt.Errorf("the form of %s has the action %q: %w", p.url.Host, f.action, err)
	}
	return b.post(ctx, action, values)
}

func (b *browser) post(ctx context.Context, action *url.URL, values url.Values) (*page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, action.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return nil, fmt.Errorf("submit to %s: %w", action.Host, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", action.Scheme+"://"+action.Host)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.follow(ctx, req)
}

// follow sends req and goes where it is sent. Each hop is a new navigation, so no header of the form goes along.
func (b *browser) follow(ctx context.Context, req *http.Request) (*page, error) {
	p := &page{}
	for range maxHops {
		req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		req.Header.Set("Sec-Fetch-Dest", "document")
		res, err := b.http.Do(req)
		if err != nil {
			return nil, fmt.Errorf("%w; the way there: %s", err, strings.Join(p.trail, ", "))
		}
		next, err := p.arrive(res)
		if err != nil || next == nil {
			return p, err
		}
		if req, err = http.NewRequestWithContext(ctx, http.MethodGet, next.String(), nil); err != nil {
			return nil, fmt.Errorf("follow to %s: %w", next, err)
		}
		req.Header.Set("Sec-Fetch-Site", "same-site")
	}
	return nil, fmt.Errorf("more than %d redirects: %s", maxHops, strings.Join(p.trail, ", "))
}

// arrive reads one answer; next is where a redirect leads.
func (p *page) arrive(res *http.Response) (next *url.URL, err error) {
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", res.Request.URL.Host, err)
	}
	u := res.Request.URL
	p.url, p.status, p.body = u, res.StatusCode, string(body)
	p.trail = append(p.trail, fmt.Sprintf("%s %s://%s%s %d", res.Request.Method, u.Scheme, u.Host, u.Path, res.StatusCode))
	if p.forms, err = parseForms(p.body); err != nil {
		return nil, err
	}
	if res.StatusCode < 300 || res.StatusCode > 399 || res.Header.Get("Location") == "" {
		return nil, nil
	}
	if next, err = u.Parse(res.Header.Get("Location")); err != nil {
		return nil, fmt.Errorf("redirect of %s: %w", u.Host, err)
	}
	return next, nil
}

// signIn gives the sign-in form when the page is one.
func (p *page) signIn() (form, bool) {
	for _, f := range p.forms {
		if f.password != "" {
			return f, true
		}
	}
	return form{}, false
}

// story is what a failed step tells: the way, and the beginning of what is on the page.
func (p *page) story() string {
	text := strings.Join(strings.Fields(stripTags(p.body)), " ")
	return fmt.Sprintf("%s; the page says %q", strings.Join(p.trail, ", "), text[:min(len(text), 300)])
}

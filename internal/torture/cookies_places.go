package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// firstPair is name=value of the first Set-Cookie.
func firstPair(setCookies []string) string {
	if len(setCookies) == 0 {
		return ""
	}
	pair, _, _ := strings.Cut(setCookies[0], ";")
	return pair
}

const ssoCookie = "__Host-concord_sso"

func ssoOf(b *testkit.Browser, d *testkit.DataCenter) string {
	at, err := url.Parse(d.RuntimeURL)
	if err != nil {
		return ""
	}
	for _, c := range b.Jar.Cookies(at) {
		if c.Name == ssoCookie {
			return c.Value
		}
	}
	return ""
}

func (c *counterfeit) authorize(agent, scheme, host string) func(*testkit.DataCenter, string) (bool, error) {
	return func(d *testkit.DataCenter, text string) (bool, error) {
		var out wire.AuthorizeAnswer
		_, err := c.agents[d][agent].Do(context.Background(), client.Request{Method: http.MethodPost, Path: "/session/v1/authorize", Out: &out,
			In: wire.AuthorizeRequest{Method: http.MethodGet, Scheme: scheme, Host: host, Target: "/", Cookie: text}})
		return out.Decision != wire.DecisionChallenge && err == nil, err
	}
}

func (c *counterfeit) redeem(d *testkit.DataCenter, code, state, flow string) (bool, error) {
	var out wire.RedeemAnswer
	_, err := c.agents[d]["shop"].Do(context.Background(), client.Request{Method: http.MethodPost, Path: "/session/v1/redeem", Out: &out,
		In: wire.RedeemRequest{Scheme: "https", Host: "shop.example", Code: code, State: state, FlowCookies: []string{flow}}})
	return refusedWith(err, http.StatusForbidden)
}

// list reads a page of groups from a cursor.
func (c *counterfeit) list(d *testkit.DataCenter, text string) (bool, error) {
	_, err := c.admins[d].Do(context.Background(), client.Request{Method: http.MethodGet, Path: "/v1/groups", Query: url.Values{"limit": {"1"}, "cursor": {text}}})
	return refusedWith(err, http.StatusBadRequest)
}

func (c *counterfeit) cursor(d *testkit.DataCenter) string {
	var page wire.Page[wire.GroupView]
	if _, err := c.admins[d].Do(context.Background(), client.Request{Method: http.MethodGet, Path: "/v1/groups", Query: url.Values{"limit": {"1"}}, Out: &page}); err != nil {
		c.s.Fatalf("list groups: %v", err)
	}
	return page.NextCursor
}

// refusedWith tells a refusal of that status from everything else.
func refusedWith(err error, status int) (taken bool, other error) {
	if api, ok := errors.AsType[*client.APIError](err); ok && api.Status == status {
		return false, nil
	}
	return err == nil, err
}

// account opens a person's own page: with a good cookie it comes, otherwise the browser is sent to sign in.
func (c *counterfeit) account(d *testkit.DataCenter, text string) (bool, error) {
	status, err := c.page(d.RuntimeURL+"/account/sessions", ssoCookie+"="+text)
	return status == http.StatusOK, expected(status, err, http.StatusOK, http.StatusSeeOther)
}

// request opens the sign-in page from an application: with a good request the form comes.
func (c *counterfeit) request(d *testkit.DataCenter, text string) (bool, error) {
	status, err := c.page(d.RuntimeURL+"/login?"+url.Values{"request": {text}}.Encode(), "")
	return status == http.StatusOK, expected(status, err, http.StatusOK, http.StatusBadRequest)
}

func expected(status int, err error, all ...int) error {
	for _, one := range all {
		if err == nil && status == one {
			return nil
		}
	}
	if err == nil {
		err = fmt.Errorf("answered %d", status)
	}
	return err
}

func (c *counterfeit) page(address, cookie string) (status int, err error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	res, err := c.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, err
}

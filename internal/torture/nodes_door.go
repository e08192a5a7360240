package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// doorTime is how long an answer may take. The store's own limit is above it: what is not answered by then is unknown.
const doorTime = 3 * time.Second

// door is how one person reaches the nodes, by browser and through the application's agent. It gives an error where there was no answer, and
// fails nothing: nodes are being killed.
type door struct {
	user   string
	portal testkit.Application
	urls   []string         // of the nodes' runtime listeners
	agents []*client.Client // likewise
	http   *http.Client
}

func newDoor(n *nodes, user string) *door {
	pool := &http.Transport{TLSClientConfig: n.all[0].TLS(), ForceAttemptHTTP2: true}
	n.s.Cleanup(pool.CloseIdleConnections)
	d := &door{user: user, portal: n.portal, http: &http.Client{Timeout: doorTime, Transport: pool,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for _, p := range n.all {
		d.urls = append(d.urls, p.RuntimeURL)
		d.agents = append(d.agents, p.Agent(n.portal.Agent, n.portal.Secret))
	}
	return d
}

// authenticate gives the cookies of a new sign-on.
func (d *door) authenticate(ctx context.Context, node int) ([]*http.Cookie, error) {
	body, err := json.Marshal(wire.AuthenticateRequest{User: d.user, Password: testkit.Password})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.urls[node]+"/session/v1/authenticate", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := d.do(r, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("sign in: %s", res.Status)
	}
	return res.Cookies(), nil
}

// enter takes a sign-on to the application's cookie: its steps go to a node each. refusal says what a node said that does not know it.
func (d *door) enter(ctx context.Context, at [3]int, cookies []*http.Cookie) (cookie, refusal string, err error) {
	challenge, err := d.authorize(ctx, at[0], "")
	if err != nil {
		return "", "", err
	}
	asked, err := url.Parse(challenge.Location)
	if err != nil || challenge.Decision != wire.DecisionChallenge {
		return "", fmt.Sprintf("node %d answers %s to nobody", at[0]+1, challenge.Decision), err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.urls[at[1]]+asked.RequestURI(), nil)
	if err != nil {
		return "", "", err
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	res, err := d.do(r, cookies)
	switch {
	case err != nil:
		return "", "", err
	case res.StatusCode >= http.StatusInternalServerError:
		return "", "", fmt.Errorf("visit: %s", res.Status)
	}
	back, err := url.Parse(res.Header.Get("Location"))
	if err != nil || res.StatusCode != http.StatusSeeOther {
		return "", fmt.Sprintf("node %d answers %s to a browser with its cookie", at[1]+1, res.Status), err
	}
	return d.redeem(ctx, at[2], back.Query(), challenge.SetCookies)
}

// redeem turns a code into the application's cookie.
func (d *door) redeem(ctx context.Context, node int, callback url.Values, setCookies []string) (cookie, refusal string, err error) {
	scheme, host, _ := strings.Cut(d.portal.Origin, "://")
	var flow []string
	for _, text := range setCookies {
		pair, _, _ := strings.Cut(text, ";")
		flow = append(flow, pair)
	}
	var out wire.RedeemAnswer
	_, err = d.agents[node].Do(ctx, client.Request{Method: http.MethodPost, Path: "/session/v1/redeem", Out: &out, Timeout: doorTime,
		In: wire.RedeemRequest{Scheme: scheme, Host: host, Code: callback.Get("code"), State: callback.Get("state"), FlowCookies: flow}})
	if fault.Is(err, fault.Forbidden) {
		return "", fmt.Sprintf("node %d refuses its code", node+1), nil
	}
	if err != nil {
		return "", "", err
	}
	for _, text := range out.SetCookies {
		if c, err := http.ParseSetCookie(text); err == nil && strings.Contains(c.Name, "concord_agent_") {
			return c.Value, "", nil
		}
	}
	return "", fmt.Sprintf("node %d gives no cookie for its code", node+1), nil
}

func (d *door) authorize(ctx context.Context, node int, cookie string) (out wire.AuthorizeAnswer, err error) {
	scheme, host, _ := strings.Cut(d.portal.Origin, "://")
	_, err = d.agents[node].Do(ctx, client.Request{Method: http.MethodPost, Path: "/session/v1/authorize", Out: &out, Timeout: doorTime,
		In: wire.AuthorizeRequest{Method: http.MethodGet, Scheme: scheme, Host: host, Target: "/", Cookie: cookie, Navigation: true}})
	return out, err
}

// signOut is nil when the node acknowledged it.
func (d *door) signOut(ctx context.Context, node int, cookie string) error {
	_, err := d.agents[node].Do(ctx, client.Request{Method: http.MethodPost, Path: "/session/v1/logout", In: wire.LogoutRequest{Cookie: cookie}, Timeout: doorTime})
	return err
}

// do sends a browser's request and reads the answer to its end.
func (d *door) do(r *http.Request, cookies []*http.Cookie) (*http.Response, error) {
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	res, err := d.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	return res, err
}

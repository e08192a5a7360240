package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	cookieRound   = 4_000 // altered texts between two looks at whether the good ones are good
	cookieWorkers = 8
)

// alteredCookies sends altered cookies, codes, requests and cursors to both of two data centers: with bits flipped, cut off, with
// another's nonce, key, issuer or content, of another purpose, agent, host or data center. It counts those that were taken for
// good (SEC-06, SEC-07, SEC-08).
func alteredCookies(s *stage) {
	all := testkit.StartProcesses(s, s.program(), "NYDC", "LDC", "NYDC")
	ny, ld, far := &all[0].DataCenter, &all[1].DataCenter, &all[2].DataCenter // the third has the name of the first, and keys of its own
	testkit.Link(ny, ld)
	for _, d := range []*testkit.DataCenter{ny, far} {
		d.User("ann")
		d.Application("shop", "https://shop.example")
		d.Put("/v1/agents/wiki", wire.Agent{Name: "wiki", Hosts: []string{"https://wiki.example", "https://wiki2.example"}, Secret: "secret-of-agent-wiki"})
		d.Put("/v1/applications/wiki", wire.Application{Name: "wiki", Hosts: []string{"wiki.example", "wiki2.example"}, Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}}}})
		for i := range 3 {
			d.Put(fmt.Sprintf("/v1/groups/g%d", i), wire.Group{Name: fmt.Sprintf("g%d", i)})
		}
	}
	testkit.InStep(ny, ld)
	if _, err := ny.Do(client.Request{Method: http.MethodPost, Path: "/v1/cookie-keys/rotate", In: wire.CookieKeyRotation{}}); err != nil {
		s.Fatalf("rotate: %v", err) // so that there are two keys of each
	}
	testkit.InStep(ny, ld)
	c := &counterfeit{s: s, centers: []*testkit.DataCenter{ny, ld}, far: far}
	c.open()
	for c.tried.Load() < int64(s.runs) {
		c.round(uint64(c.tried.Load()))
	}
	s.done = int(c.tried.Load())
	s.Logf("%d altered texts, %d taken for good", c.tried.Load(), c.taken.Load())
}

// counterfeit is who makes them, with the cookies of a real sign-on in hand.
type counterfeit struct {
	s       *stage
	centers []*testkit.DataCenter
	far     *testkit.DataCenter
	http    *http.Client
	agents  map[*testkit.DataCenter]map[string]*client.Client
	admins  map[*testkit.DataCenter]*client.Client
	tried   atomic.Int64
	taken   atomic.Int64
}

// slot takes a text, and says whether it was taken for good.
type slot struct {
	name string
	good string
	try  func(d *testkit.DataCenter, text string) (taken bool, err error)
}

func (c *counterfeit) open() {
	pem := ""
	c.agents, c.admins = map[*testkit.DataCenter]map[string]*client.Client{}, map[*testkit.DataCenter]*client.Client{}
	for _, d := range c.centers {
		pem += d.CACertPEM
		c.agents[d] = map[string]*client.Client{"shop": d.Agent("shop", "secret-of-agent-shop"), "wiki": d.Agent("wiki", "secret-of-agent-wiki")}
		c.admins[d] = d.Admin()
	}
	cfg, err := client.TLSFromPEM(pem, "", "")
	if err != nil {
		c.s.Fatal(err)
	}
	pool := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}
	c.s.Cleanup(pool.CloseIdleConnections)
	c.http = &http.Client{Transport: pool, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// round signs in anew, since codes last a minute, and tries altered texts everywhere. The good ones are good at the end: nothing was
// refused for another reason than what it is.
func (c *counterfeit) round(seed uint64) {
	places, corpus := c.prepare()
	var all sync.WaitGroup
	for worker := range cookieWorkers {
		m := testkit.NewMutants(seed*cookieWorkers+uint64(worker), corpus...) //nolint:gosec // a number of a worker
		all.Go(func() {
			for i := range cookieRound / cookieWorkers {
				p, d := places[i%len(places)], c.centers[(i/len(places))%len(c.centers)]
				text, how := m.Next(p.good)
				c.one(p, d, text, how)
			}
		})
	}
	all.Wait()
	for i, p := range places {
		if taken, err := p.try(c.centers[i%len(c.centers)], p.good); err != nil || !taken {
			c.s.Fatalf("%s: the good one is refused: %v", p.name, err)
		}
	}
}

func (c *counterfeit) one(p slot, d *testkit.DataCenter, text, how string) {
	if c.s.Context().Err() != nil {
		return
	}
	taken, err := p.try(d, text)
	if err != nil {
		c.s.Errorf("%s at %s: %v", p.name, d.ClusterID, err)
	}
	c.tried.Add(1)
	if taken {
		c.taken.Add(1)
		c.s.broke("%s at %s: %s: %q was taken for good", p.name, d.ClusterID, how, text)
	}
}

// prepare signs in, and gives the places where a text of the sign-on is taken, and all texts that there are.
func (c *counterfeit) prepare() (places []slot, corpus []string) {
	ny := c.centers[0]
	shop := testkit.Application{At: ny, Agent: "shop", Secret: "secret-of-agent-shop", Origin: "https://shop.example"}
	wiki := testkit.Application{At: ny, Agent: "wiki", Secret: "secret-of-agent-wiki", Origin: "https://wiki.example"}
	wiki2 := wiki
	wiki2.Origin = "https://wiki2.example"
	b := testkit.NewBrowser(c.s, c.centers...)
	defer b.Close()
	for _, a := range []testkit.Application{shop, wiki, wiki2} {
		if v := b.Open(a, "ann", testkit.Password); v.User != "ann" {
			c.s.Fatalf("sign in: %+v", v)
		}
	}
	stranger := testkit.NewBrowser(c.s, c.far)
	defer stranger.Close()
	if v := stranger.Open(shop.Through(c.far), "ann", testkit.Password); v.User != "ann" {
		c.s.Fatalf("sign in at the third: %+v", v)
	}
	challenge := shop.Authorize("")
	_, flow, _ := strings.Cut(firstPair(challenge.SetCookies), "=")
	name, _, _ := strings.Cut(firstPair(challenge.SetCookies), "=")
	at, _ := url.Parse(challenge.Location)
	page := b.Get(challenge.Location)
	back, _ := url.Parse(page.Location)
	code, state := back.Query().Get("code"), back.Query().Get("state")
	sso, cursor := ssoOf(b, ny), c.cursor(ny)
	places = []slot{
		{"agent's cookie", b.AgentCookie(shop), c.authorize("shop", "https", "shop.example")},
		{"agent's cookie on one of two hosts", b.AgentCookie(wiki), c.authorize("wiki", "https", "wiki.example")},
		{"sign-in cookie", sso, c.account},
		{"request", at.Query().Get("request"), c.request},
		{"cursor", cursor, c.list},
		{"flow cookie", flow, func(d *testkit.DataCenter, text string) (bool, error) { return c.redeem(d, code, state, name+"="+text) }},
		{"code", code, func(d *testkit.DataCenter, text string) (bool, error) { return c.redeem(d, text, state, name+"="+flow) }},
	}
	// The code is used up by the last look at the flow cookie, so it is looked at by itself only.
	places[len(places)-1].try = once(places[len(places)-1].try, code)
	corpus = []string{b.AgentCookie(shop), b.AgentCookie(wiki), b.AgentCookie(wiki2), sso, flow, code, at.Query().Get("request"), stranger.AgentCookie(shop), ssoOf(stranger, c.far)}
	return places, corpus
}

// once has a good code, which the place before has used up, count as good.
func once(try func(*testkit.DataCenter, string) (bool, error), good string) func(*testkit.DataCenter, string) (bool, error) {
	return func(d *testkit.DataCenter, text string) (bool, error) {
		if text == good {
			return true, nil
		}
		return try(d, text)
	}
}

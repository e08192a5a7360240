package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// walk is the user's way through both data centers.
func (d *demo) walk(ctx context.Context) {
	m, c := d.layout.master.ClusterID, d.layout.clone.ClusterID
	for _, s := range []struct {
		name string
		run  func(context.Context) (string, error)
	}{
		{"alice signs in at " + m, d.aliceSignsIn},
		{"the application behind " + m + "'s agent answers 200 and knows her", d.atMaster},
		{"the application behind " + c + "'s agent lets her in without asking", d.adopted},
		{"both data centers list her session", d.listed},
		{"alice signs out at " + c, d.aliceSignsOut},
		{"a change on " + m + " is on " + c, d.changeArrives},
		{m + " is killed; bob signs in at " + c, d.bobSignsIn},
		{"an administrator ends bob's session at " + c, d.bobEnded},
		{m + " comes back and is ready", d.masterReturns},
		{m + " has received bob's sign-out", d.signOutArrived},
		{"both show the same digest at the same sequence", d.sameDigest},
	} {
		d.report.step(ctx, s.name, s.run)
	}
}

func (d *demo) aliceSignsIn(ctx context.Context) (string, error) {
	d.alice = newBrowser(d.trust)
	return d.signIn(ctx, d.alice, d.layout.master, "alice")
}

// signIn opens an application, is sent to the form, fills it in, and has to come back to the page it wanted.
func (d *demo) signIn(ctx context.Context, b *browser, c *center, user string) (string, error) {
	wanted := c.origin() + "/welcome?page=1"
	p, err := b.open(ctx, wanted)
	if err != nil {
		return "", err
	}
	f, asked := p.signIn()
	if !asked {
		return "", fmt.Errorf("no sign-in form came: %s", p.story())
	}
	if host := strings.TrimPrefix(c.RuntimeURL, "https://"); p.url.Host != host {
		return "", fmt.Errorf("the form came from %s, not from %s", p.url.Host, host)
	}
	if p, err = b.submit(ctx, p, f, url.Values{f.user: {user}, f.password: {d.layout.passwords[user]}}); err != nil {
		return "", err
	}
	if p.status != http.StatusOK || p.url.String() != wanted {
		return "", fmt.Errorf("after the form %s is at %s: %s", user, p.url.Redacted(), p.story())
	}
	return "sent to " + c.RuntimeURL + " and back to the page asked for", known(p, user)
}

// known reads the application's answer: it has to have been told who asks, and no more.
func known(p *page, user string) error {
	var s seen
	if p.status != http.StatusOK {
		return fmt.Errorf("status %d: %s", p.status, p.story())
	}
	if err := json.Unmarshal([]byte(p.body), &s); err != nil {
		return fmt.Errorf("this is not the application: %s", p.story())
	}
	if s.Headers["X-Concord-User"] != user {
		return fmt.Errorf("the application was not told X-Concord-User: %s, but %v", user, s.Headers)
	}
	if s.Cookies > 0 {
		return fmt.Errorf("%d of Concord's own cookies reached the application", s.Cookies)
	}
	return nil
}

func (d *demo) atMaster(ctx context.Context) (string, error) {
	if d.alice == nil {
		return "", errors.New("alice has not signed in")
	}
	p, err := d.alice.open(ctx, d.layout.master.origin()+"/reports")
	if err != nil {
		return "", err
	}
	if len(p.trail) > 1 {
		return "", fmt.Errorf("she was sent around although she has a cookie: %s", p.story())
	}
	return "X-Concord-User: alice", known(p, "alice")
}

func (d *demo) adopted(ctx context.Context) (string, error) {
	p, err := d.alice.open(ctx, d.layout.clone.origin()+"/reports")
	if err != nil {
		return "", err
	}
	if _, asked := p.signIn(); asked {
		return "", fmt.Errorf("she was asked for a password: %s", p.story())
	}
	return fmt.Sprintf("%d redirects, no form", len(p.trail)-1), known(p, "alice")
}

func (d *demo) listed(ctx context.Context) (string, error) {
	at, err := only(d.master.sessions(ctx, "alice"))
	if err != nil {
		return "", fmt.Errorf("at %s: %w", d.layout.master.ClusterID, err)
	}
	there, err := only(d.clone.sessions(ctx, "alice"))
	if err != nil {
		return "", fmt.Errorf("at %s: %w", d.layout.clone.ClusterID, err)
	}
	if at.SSOID != there.SSOID {
		return "", fmt.Errorf("they are of two sign-ons: %s and %s", at.SSOID, there.SSOID)
	}
	if there.Origin == nil || there.Origin.ClusterID != d.layout.master.ClusterID {
		return "", fmt.Errorf("%s does not say that it comes from %s: %+v", d.layout.clone.ClusterID, d.layout.master.ClusterID, there.Origin)
	}
	return "one sign-on, adopted from " + there.Origin.ClusterID, nil
}

func only(all []wire.SessionView, err error) (wire.SessionView, error) {
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%d sessions instead of one", len(all))
	}
	if err != nil {
		return wire.SessionView{}, err
	}
	return all[0], nil
}

// aliceSignsOut ends at one agent; both applications have to ask again, her browser and one with her old cookies alike.
func (d *demo) aliceSignsOut(ctx context.Context) (string, error) {
	thief, err := d.alice.saved(d.trust, d.layout.clone.origin())
	if err != nil {
		return "", err
	}
	if err := d.signOut(ctx, d.alice, d.layout.clone); err != nil {
		return "", err
	}
	for _, b := range []*browser{d.alice, thief} {
		for _, c := range []*center{d.layout.clone, d.layout.master} {
			if err := challenged(ctx, b, c.origin()); err != nil {
				return "", err
			}
		}
	}
	return "both applications ask again, also a browser with her old cookies", nil
}

// signOut goes to the agent's own page; where that asks, it confirms.
func (d *demo) signOut(ctx context.Context, b *browser, c *center) error {
	p, err := b.open(ctx, c.origin()+"/.concord/logout")
	if err != nil {
		return err
	}
	if len(p.forms) > 0 && p.status == http.StatusOK {
		p, err = b.submit(ctx, p, p.forms[0], url.Values{})
	} else {
		p, err = b.post(ctx, p.url, url.Values{})
	}
	if err != nil {
		return err
	}
	if p.status != http.StatusOK {
		return fmt.Errorf("signing out ends with status %d: %s", p.status, p.story())
	}
	return nil
}

// challenged wants the sign-in form. Another data center is told at once but not in the same moment, so it may take a little.
func challenged(ctx context.Context, b *browser, origin string) error {
	return until(ctx, 5*time.Second, func(ctx context.Context) error {
		p, err := b.open(ctx, origin+"/reports")
		if err != nil {
			return err
		}
		if _, asked := p.signIn(); !asked {
			return fmt.Errorf("%s does not ask for a password: %s", origin, p.story())
		}
		return nil
	})
}

// changeArrives writes an object that the example does not declare, so that the plan at the end stays empty.
func (d *demo) changeArrives(ctx context.Context) (string, error) {
	g := wire.Group{Name: "demo-visitors", Description: "written on " + d.layout.master.ClusterID}
	if err := d.master.putGroup(ctx, g); err != nil {
		return "", err
	}
	acknowledged := time.Now()
	err := until(ctx, 20*time.Second, func(ctx context.Context) error {
		v, err := d.clone.group(ctx, g.Name)
		if err == nil && v.Description != g.Description {
			err = fmt.Errorf("its description is %q", v.Description)
		}
		return err
	})
	return fmt.Sprintf("seen %s after the answer", time.Since(acknowledged).Round(time.Millisecond)), err
}

func (d *demo) bobSignsIn(ctx context.Context) (string, error) {
	d.bob = newBrowser(d.trust)
	if err := d.nydc.kill(); err != nil {
		return "", err
	}
	said, err := d.signIn(ctx, d.bob, d.layout.clone, "bob")
	if err != nil {
		return "", err
	}
	d.bobSaved, err = d.bob.saved(d.trust, d.layout.clone.origin())
	return said, err
}

func (d *demo) bobEnded(ctx context.Context) (string, error) {
	s, err := only(d.clone.sessions(ctx, "bob"))
	if err != nil {
		return "", err
	}
	r, err := d.clone.endSession(ctx, s.ID)
	if err != nil {
		return "", err
	}
	if err := challenged(ctx, d.bob, d.layout.clone.origin()); err != nil {
		return "", err
	}
	var said []string
	for _, id := range slices.Sorted(maps.Keys(r.DataCenters)) {
		said = append(said, id+" "+r.DataCenters[id])
	}
	return strings.Join(said, ", "), nil
}

func (d *demo) masterReturns(ctx context.Context) (string, error) {
	p, err := d.server(d.layout.master)
	if err != nil {
		return "", err
	}
	d.nydc = p
	if d.master, err = d.healthy(ctx, p, d.layout.master); err != nil {
		return "", err
	}
	return "", until(ctx, time.Minute, d.master.ready)
}

// signOutArrived tries bob's old cookies where he has never been: ready means that the sign-outs were fetched before.
func (d *demo) signOutArrived(ctx context.Context) (string, error) {
	if d.bobSaved == nil {
		return "", errors.New("bob has not signed in")
	}
	if err := challenged(ctx, d.bobSaved, d.layout.master.origin()); err != nil {
		return "", err
	}
	left, err := d.master.sessions(ctx, "bob")
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%s still lists %d sessions of bob", d.layout.master.ClusterID, len(left))
	}
	return "his old cookies are refused there", err
}

func (d *demo) sameDigest(ctx context.Context) (string, error) {
	var at, there wire.DataCenterView
	err := until(ctx, 30*time.Second, func(ctx context.Context) (err error) {
		if at, err = d.master.dataCenter(ctx); err != nil {
			return err
		}
		if there, err = d.clone.dataCenter(ctx); err != nil {
			return err
		}
		if at.LastSequence != there.LastSequence || at.Digest != there.Digest || at.Digest == "" {
			return fmt.Errorf("%s has %s at %d, %s has %s at %d", at.ClusterID, at.Digest, at.LastSequence, there.ClusterID, there.Digest, there.LastSequence)
		}
		return nil
	})
	return fmt.Sprintf("%.16s at %d", at.Digest, at.LastSequence), err
}

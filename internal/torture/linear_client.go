package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// tag is a value with the ETag that it was seen with.
type tag struct{ value, etag string }

type linearClient struct {
	h     *history
	id    int
	n     int
	apis  []*client.Client
	known map[string]tag // by object
}

func (c *linearClient) run(ctx context.Context) {
	for ; ctx.Err() == nil; c.n++ {
		object := fmt.Sprintf("o%d-%d", c.h.run, rand.IntN(linearObjects))
		k, seen := c.known[object]
		in := input{object: object, op: "read"}
		switch r := rand.IntN(10); {
		case r < 3 || !seen:
		case k.value == "":
			in.op, in.value = "create", fmt.Sprintf("c%d-%d", c.id, c.n)
		case r < 8:
			in.op, in.old, in.value = "swap", k.value, fmt.Sprintf("c%d-%d", c.id, c.n)
		default:
			in.op, in.old = "delete", k.value
		}
		c.ask(in, k)
	}
}

// ask does one operation and enters it, unless it certainly had no effect and told nothing.
func (c *linearClient) ask(in input, k tag) {
	api, silent := c.choose()
	call := time.Since(c.h.began).Nanoseconds()
	out, etag, err := c.send(api, in, k)
	end := time.Since(c.h.began).Nanoseconds()
	if err != nil {
		delete(c.known, in.object)
		silent()
		if in.op == "read" || harmless(err) {
			return
		}
		out, end = output{unknown: true}, math.MaxInt64
	} else if c.h.heard != nil {
		c.h.heard()
	}
	switch {
	case out.unknown || in.op != "read" && !out.done:
		delete(c.known, in.object)
	case in.op == "read":
		c.known[in.object] = tag{out.value, etag}
	default:
		c.known[in.object] = tag{in.value, etag}
	}
	c.h.mu.Lock()
	defer c.h.mu.Unlock()
	c.h.operations = append(c.h.operations, porcupine.Operation{ClientId: c.id, Input: in, Output: out, Call: call, Return: end})
}

// choose gives whom to ask next, and what to do when that one does not answer.
func (c *linearClient) choose() (api *client.Client, silent func()) {
	if c.h.nodes {
		return c.apis[rand.IntN(len(c.apis))], func() {}
	}
	turn := c.h.turn.Load()
	return c.apis[int(turn)%len(c.apis)], func() { c.h.turn.CompareAndSwap(turn, turn+1) } // perhaps the other one is the master
}

// harmless knows errors after which a write certainly was not done: a door that is closed, or a refusal.
func harmless(err error) bool {
	if unsent(err) {
		return true
	}
	switch fault.CodeOf(err) {
	case "not_master", "contended", "storage_full", "storage_unavailable", "storage_contended": // fenced is none of them: it may be found out after the commit
		return true
	}
	return false
}

func (c *linearClient) send(api *client.Client, in input, k tag) (out output, etag string, err error) {
	const patience = 4 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.h.s.Context()), 2*patience)
	defer cancel()
	path := client.Path("v1", "groups", in.object)
	switch {
	case in.op == "read" && c.h.nodes:
		return get(ctx, api, path)
	case in.op == "read":
		return c.read(ctx, api, path)
	}
	r := client.Request{Method: http.MethodPut, Path: path, In: wire.Group{Name: in.object, Description: in.value}, IfMatch: k.etag, Timeout: patience}
	if in.op == "create" {
		r.IfMatch, r.IfNoneMatch = "", true
	}
	if in.op == "delete" {
		r.Method, r.In = http.MethodDelete, nil
	}
	res, err := api.Do(ctx, r)
	switch {
	case err == nil:
		return output{done: true}, res.ETag, nil
	case fault.Is(err, fault.Precondition), fault.Is(err, fault.NotFound):
		return output{}, "", nil
	}
	return output{}, "", err
}

// read counts only at a master: one that says, before and after, that it is the master of the same epoch. What a clone
// answers may be old, and is meant to be.
func (c *linearClient) read(ctx context.Context, api *client.Client, path string) (out output, etag string, err error) {
	var before, after wire.DataCenterView
	if _, err := api.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/data-center", Out: &before, Timeout: time.Second}); err != nil {
		return out, "", err
	}
	if out, etag, err = get(ctx, api, path); err != nil {
		return out, "", err
	}
	if _, err := api.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/data-center", Out: &after, Timeout: time.Second}); err != nil {
		return out, "", err
	}
	if before.Role != "master" || after.Role != "master" || before.Epoch != after.Epoch {
		return out, "", fmt.Errorf("read at a %s", after.Role)
	}
	return out, etag, nil
}

func get(ctx context.Context, api *client.Client, path string) (output, string, error) {
	var g wire.GroupView
	res, err := api.Do(ctx, client.Request{Method: http.MethodGet, Path: path, Out: &g, Timeout: time.Second})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return output{}, "", err
	}
	return output{value: g.Description}, res.ETag, nil
}

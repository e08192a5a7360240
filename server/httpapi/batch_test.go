package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// batched is one operation of a batch, with a body made of v.
func batched(t *testing.T, method, kind, name string, v any) wire.BatchOperation {
	t.Helper()
	o := wire.BatchOperation{Method: method, Kind: kind, Name: name}
	if v != nil {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		o.Body = b
	}
	return o
}

func postBatch(d *testkit.DataCenter, ops ...wire.BatchOperation) (out wire.BatchAnswer, res client.Response, err error) {
	res, err = d.Do(client.Request{Method: http.MethodPost, Path: "/v1/batch", In: wire.Batch{Operations: ops}, Out: &out})
	return out, res, err
}

// TestBatchWritesAll: what a batch makes is what the routes would have made, with the same ETags, and it reaches a clone.
func TestBatchWritesAll(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d, clone := both[0], both[1]
	testkit.Link(d, clone)
	out, _, err := postBatch(d,
		batched(t, "PUT", "group", "staff", wire.Group{Name: "staff"}),
		batched(t, "PUT", "user", "ann", wire.User{Name: "ann", Groups: []string{"staff"}, Password: testkit.Password}),
		batched(t, "PATCH", "user", "ann", map[string]any{"email": "ann@example.com"}),
		batched(t, "PATCH", "session_policy", "", map[string]any{"lifetime": "2h"}),
		batched(t, "PUT", "group", "staff", wire.Group{Name: "staff"}),
		batched(t, "PUT", "group", "gone", wire.Group{Name: "gone"}),
		batched(t, "DELETE", "group", "gone", nil),
		batched(t, "PUT", "override", "session_policy/default", wire.Override{Kind: "session_policy", Name: "default", Values: json.RawMessage(`{"lifetime":"3h"}`)}),
	)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range out.Results {
		got = append(got, r.Kind+" "+r.Name+" "+r.Status)
	}
	want := []string{"group staff created", "user ann created", "user ann changed", "session_policy default changed", "group staff unchanged", "group gone created", "group gone deleted", "override session_policy/default created"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var u wire.UserView
	if res := d.Get("/v1/users/ann", &u); res.ETag != out.Results[2].ETag || u.Email != "ann@example.com" {
		t.Errorf("ETag %s, in the batch %s; %+v", res.ETag, out.Results[2].ETag, u)
	}
	testkit.InStep(d, clone)
	app := d.Application("shop", "https://shop.example")
	if v := testkit.NewBrowser(t, d).Open(app, "ann", testkit.Password); v.User != "ann" {
		t.Errorf("sign-in with a password of a batch: %+v", v)
	}
	_, _, err = postBatch(clone, batched(t, "PUT", "group", "x", wire.Group{Name: "x"}))
	wantFault(t, err, fault.Conflict, "not_master")
}

// TestBatchRefusals: each fault has its place in the batch, and nothing is written.
func TestBatchRefusals(t *testing.T) {
	d := start(t)
	const good = `{"method":"PUT","kind":"group","name":"a","body":{"name":"a"}}`
	in := func(ops ...string) string { return `{"operations":[` + strings.Join(ops, ",") + `]}` }
	many := strings.Repeat(good+",", 10_000) + good
	for name, c := range map[string]struct {
		body     string
		status   int
		code     string
		pointers []string
	}{
		"empty":                 {in(), 400, "invalid_input", []string{"/operations"}},
		"no list":               {`{}`, 400, "invalid_input", []string{"/operations"}},
		"unknown kind":          {in(good, `{"method":"PUT","kind":"users","name":"a","body":{}}`), 400, "invalid_input", []string{"/operations/1/kind"}},
		"agreement":             {in(`{"method":"DELETE","kind":"replication_agreement","name":"a"}`), 400, "invalid_input", []string{"/operations/0/kind"}},
		"keyset":                {in(`{"method":"DELETE","kind":"keyset","name":"agent"}`), 400, "invalid_input", []string{"/operations/0/kind"}},
		"method":                {in(`{"method":"POST","kind":"group","name":"a","body":{}}`), 400, "invalid_input", []string{"/operations/0/method"}},
		"no name":               {in(`{"method":"DELETE","kind":"group","name":""}`), 400, "invalid_input", []string{"/operations/0/name"}},
		"singleton's name":      {in(`{"method":"DELETE","kind":"session_policy","name":"x"}`), 400, "invalid_input", []string{"/operations/0/name"}},
		"no body":               {in(`{"method":"PUT","kind":"group","name":"a"}`), 400, "invalid_input", []string{"/operations/0/body"}},
		"body of a delete":      {in(`{"method":"DELETE","kind":"group","name":"a","body":{}}`), 400, "invalid_input", []string{"/operations/0/body"}},
		"null":                  {in(`{"method":"PUT","kind":"group","name":"a","body":null}`), 400, "invalid_input", []string{"/operations/0/body"}},
		"unknown fields":        {in(`{"method":"PUT","kind":"group","name":"a","body":{"name":"a","x":1}}`, `{"method":"PUT","kind":"user","name":"b","body":{"name":"b","Email":""}}`), 400, "invalid_input", []string{"/operations/0/body/x", "/operations/1/body/Email"}},
		"unknown of operation":  {in(`{"method":"PUT","kind":"group","name":"a","body":{"name":"a"},"if-match":"x"}`), 400, "invalid_input", []string{"/operations/0/if-match"}},
		"planted hash":          {in(`{"method":"PUT","kind":"user","name":"a","body":{"name":"a","password":{"hash":"x"}}}`), 400, "invalid_input", []string{"/operations/0/body/password"}},
		"planted hash in patch": {in(`{"method":"PUT","kind":"user","name":"a","body":{"name":"a"}}`, `{"method":"PATCH","kind":"user","name":"a","body":{"password":{"hash":"x"}}}`), 400, "invalid_input", []string{"/operations/1/body/password"}},
		"another name":          {in(`{"method":"PUT","kind":"group","name":"a","body":{"name":"b"}}`), 400, "invalid_input", []string{"/operations/0/body/name"}},
		"invalid":               {in(good, `{"method":"PUT","kind":"user","name":"b","body":{"name":"b","password":"short","groups":["a","none"]}}`), 400, "invalid_input", []string{"/operations/1/body/password"}},
		"dangling":              {in(good, `{"method":"PUT","kind":"user","name":"b","body":{"name":"b","groups":["a","none"]}}`), 400, "invalid_input", []string{"/operations/1/body/groups/1"}},
		"patch of nothing":      {in(good, `{"method":"PATCH","kind":"user","name":"b","body":{"email":""}}`), 404, "not_found", []string{"/operations/1"}},
		"if_match":              {in(good, `{"method":"PUT","kind":"group","name":"a","if_match":"\"x\"","body":{"name":"a","description":"d"}}`), 412, "changed", []string{"/operations/1/if_match"}},
		"if_none_match":         {in(good, `{"method":"PUT","kind":"group","name":"a","if_none_match":true,"body":{"name":"a"}}`), 412, "exists", []string{"/operations/1/if_none_match"}},
		"lock":                  {in(`{"method":"PUT","kind":"group","name":"a","lock":7,"body":{"name":"a"}}`), 409, "stale_lock", []string{"/operations/0/lock"}},
		"too many":              {in(many), 413, "batch_too_large", nil},
		"too long":              {in(`{"method":"PUT","kind":"group","name":"a","body":{"name":"` + strings.Repeat("a", 8<<20) + `"}}`), 413, "body_too_large", nil},
		"a setting above 1 MiB": {in(`{"method":"PUT","kind":"setting","name":"a","body":{"name":"a","value":"` + strings.Repeat("a", 2<<20) + `"}}`), 400, "invalid_input", []string{"/operations/0/body/value"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := admin(t, d, http.MethodPost, "/v1/batch", c.body).refused(t, c.status, c.code)
			var got []string
			for _, e := range p.Errors {
				got = append(got, e.Pointer)
			}
			if diff := cmp.Diff(c.pointers, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := admin(t, d, http.MethodGet, "/v1/groups/a", ""); got.status != http.StatusNotFound {
		t.Errorf("something was written: %s", got.body)
	}
}

// TestBatchOfTenThousand is the largest one: typical users, each in a group.
func TestBatchOfTenThousand(t *testing.T) {
	t.Parallel()
	d := testkit.StartWith(t, testkit.Options{MemTable: 64 << 20}, "NYDC")[0] // a server's own
	ops := []wire.BatchOperation{batched(t, "PUT", "group", "staff", wire.Group{Name: "staff"})}
	for i := len(ops); i < 10_000; i++ {
		name := fmt.Sprintf("user%05d", i)
		ops = append(ops, batched(t, "PUT", "user", name, wire.User{Name: name, DisplayName: "User " + name, Email: name + "@example.com", Groups: []string{"staff"}}))
	}
	before := d.View()
	out, _, err := postBatch(d, ops...)
	if err != nil || len(out.Results) != 10_000 {
		t.Fatalf("%d results, %v", len(out.Results), err)
	}
	if now := d.View(); now.LastSequence != before.LastSequence+10_000 {
		t.Errorf("%d records", now.LastSequence-before.LastSequence)
	}
	ops = ops[:0]
	for i := 9_999; i > 0; i-- {
		ops = append(ops, batched(t, "DELETE", "user", fmt.Sprintf("user%05d", i), nil))
	}
	if _, _, err := postBatch(d, append(ops, batched(t, "DELETE", "group", "staff", nil))...); err != nil {
		t.Fatal(err)
	}
	if now := d.View(); now.Digest != before.Digest {
		t.Errorf("the digest is %s, was %s", now.Digest, before.Digest)
	}
}

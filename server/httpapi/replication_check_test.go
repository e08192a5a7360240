package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// linked starts a master and a clone in step; the agreement's identifier comes with them.
func linked(t *testing.T) (ny, ld *testkit.DataCenter, agreement string) {
	t.Helper()
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	return both[0], both[1], testkit.Link(both[0], both[1])[0]
}

// post asks for something to be done and reads the answer.
func post(t *testing.T, d *testkit.DataCenter, path string, out any) {
	t.Helper()
	path, query, _ := strings.Cut(path, "?")
	got := admin(t, d, http.MethodPost, path+"?"+query, "")
	if got.status != http.StatusOK {
		t.Fatalf("POST %s at %s: %d %s", path, d.ClusterID, got.status, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), out); err != nil {
		t.Fatal(err)
	}
}

// damage changes an object in a stopped data center's store, where no journal sees it.
func damage(t *testing.T, d *testkit.DataCenter, object, value string) {
	t.Helper()
	d.Stop()
	s, err := badger.Open(badger.Config{Dir: filepath.Join(d.DataDir, "state"), MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(w store.Writer) error {
		var key []byte
		err := w.Range(store.Span{Prefix: []byte("c/")}, func(k, _ []byte) error {
			if strings.HasSuffix(string(k), object) {
				key = k
			}
			return nil
		})
		if err != nil || key == nil {
			return fmt.Errorf("find %q: %w", object, err)
		}
		return errors.Join(w.Put(key, []byte(value), 0), older(w))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	d.Start()
}

// older leaves the store as a version that kept no digest of local objects did.
func older(w store.Writer) error {
	b, err := w.Get(journal.PositionKey())
	if err != nil {
		return err
	}
	position := map[string]any{}
	if err := json.Unmarshal(b, &position); err != nil {
		return err
	}
	delete(position, "local")
	if b, err = json.Marshal(position); err != nil {
		return err
	}
	return errors.Join(w.Put(journal.PositionKey(), b, 0), w.Delete([]byte("c/k")))
}

// A damaged clone is found out and heals without a whole copy, asked from either side. Proves OAM-54 and OAM-L8, FLT-07.
func TestVerifyAndRepairOverTheWire(t *testing.T) {
	ny, ld, id := linked(t)
	for i := range 40 {
		ny.Put(fmt.Sprintf("/v1/groups/g%d", i), wire.Group{Name: fmt.Sprintf("g%d", i)})
	}
	sequence, digest := testkit.InStep(ny, ld)
	path := "/v1/replication/agreements/" + id
	var v wire.Verification
	for _, d := range []*testkit.DataCenter{ny, ld} {
		if post(t, d, path+"/verify", &v); !v.Equal || v.Sequence != sequence || v.Digest != digest || v.ID != id {
			t.Errorf("a sound clone, asked at %s: %+v", d.ClusterID, v)
		}
		var st wire.AgreementStatus
		if post(t, d, path+"/pull", &st); st.State != "ready" || st.Side != "clone" || !st.Healthy || st.ClockSkew == nil {
			t.Errorf("pull asked at %s: %+v", d.ClusterID, st)
		}
	}
	damage(t, ld, "group\x00g7", `{"name":"g7","description":"not what the master has"}`)
	if post(t, ny, path+"/verify", &v); v.Equal {
		t.Errorf("the damage was not found: %+v", v)
	}
	i := slices.IndexFunc(v.Kinds, func(k wire.KindVerdict) bool { return !k.Equal })
	if i < 0 || v.Kinds[i].Kind != "group" || v.Kinds[i].FirstDifference != "g7" || v.Kinds[i].Differing != 1 {
		t.Errorf("verdict %+v", v.Kinds)
	}
	if post(t, ny, path+"/verify?repair=true", &v); !v.Equal || v.Repaired != 1 {
		t.Errorf("repaired %+v", v)
	}
	var g wire.GroupView
	if ld.Get("/v1/groups/g7", &g); g.Description != "" || ld.View().Digest != digest || ld.View().LastSequence != sequence {
		t.Errorf("after the repair %+v", g)
	}
	admin(t, ny, http.MethodPost, path+"/verify?repair=yes", "").refused(t, http.StatusBadRequest, "invalid_input")
	admin(t, ny, http.MethodPost, "/v1/replication/agreements/none/verify", "").refused(t, http.StatusNotFound, "not_found")
}

// The changelog tells every change without a secret, page by page, and hello where it stands.
func TestChangelog(t *testing.T) {
	d := start(t)
	const password = "a secret that must not be told"
	d.Put("/v1/users/ann", wire.User{Name: "ann", Password: password})
	d.Put("/v1/groups/g", wire.Group{Name: "g"})
	d.Delete("/v1/groups/g")
	var hello wire.ReplicationHello
	if d.Get("/v1/replication/hello", &hello); !hello.OK || hello.Sequence != d.View().LastSequence || hello.ClusterID != "NYDC" {
		t.Errorf("hello %+v", hello)
	}
	var all []wire.ChangelogRecord
	for after := ""; ; {
		got := admin(t, d, http.MethodGet, "/v1/replication/changelog?limit=2"+after, "")
		var page wire.Changelog
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if strings.Contains(got.body, "argon2id") || strings.Contains(got.body, password) {
			t.Errorf("a secret is in %s", got.body)
		}
		if len(page.Items) == 0 {
			break
		}
		all = append(all, page.Items...)
		after = fmt.Sprintf("&after=%d", page.NextAfter)
	}
	if n := len(all); uint64(n) != hello.Sequence || all[n-1].Operation != "delete" || all[n-1].Digest != hello.Digest || string(all[n-2].Object) == "" {
		t.Errorf("%d records, the last %+v", n, all[n-1])
	}
	if i := slices.IndexFunc(all, func(r wire.ChangelogRecord) bool { return r.Kind == "keyset" }); i < 0 || !all[i].Redacted || len(all[i].Object) > 0 {
		t.Errorf("keysets are told: %+v", all)
	}
	admin(t, d, http.MethodGet, "/v1/replication/changelog?after=x", "").refused(t, http.StatusBadRequest, "invalid_input")
}

// With wait_for_sync the answer to a write comes when the clone has it; when it cannot have it, the write succeeds and the
// answer names the clone.
func TestWaitForSync(t *testing.T) {
	ny, ld, id := linked(t)
	off := false
	_, err := ny.Do(client.Request{Method: http.MethodPatch, Path: "/v1/replication/agreements/" + id, In: wire.AgreementChange{WaitForSync: new(true), Follow: &off}})
	if fault.CodeOf(err) != "invalid_input" {
		t.Errorf("waiting for a clone that polls: %v", err)
	}
	var v wire.AgreementView
	if _, err := ny.Do(client.Request{Method: http.MethodPatch, Path: "/v1/replication/agreements/" + id, In: wire.AgreementChange{WaitForSync: new(true)}, Out: &v}); err != nil || !v.WaitForSync {
		t.Fatalf("%+v, %v", v, err)
	}
	for i := range 10 {
		name := fmt.Sprintf("g%d", i)
		res := ny.Put("/v1/groups/"+name, wire.Group{Name: name})
		if behind := res.Header.Get(wire.HeaderBehind); behind != "" {
			t.Errorf("write %d was answered before %s had it", i, behind)
		}
		ld.Get("/v1/groups/"+name, nil) // without a wait
	}
	ld.Stop()
	res, err := ny.Do(client.Request{Method: http.MethodDelete, Path: "/v1/groups/g0"})
	if err != nil || res.Status != http.StatusNoContent || res.Header.Get(wire.HeaderBehind) != "LDC" {
		t.Errorf("a write without its clone: %d, behind %q, %v", res.Status, res.Header.Get(wire.HeaderBehind), err)
	}
	if res := ny.Put("/v1/groups/g1", wire.Group{Name: "g1"}); res.Header.Get(wire.HeaderBehind) != "" {
		t.Error("what changes nothing waits")
	}
	ld.Start()
	testkit.InStep(ny, ld)
	if res := ny.Put("/v1/groups/g0", wire.Group{Name: "g0"}); res.Header.Get(wire.HeaderBehind) != "" {
		t.Errorf("behind after its return: %q", res.Header.Get(wire.HeaderBehind))
	}
}

package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// members starts a cluster of three.
func members(t *testing.T) *testkit.Etcd {
	t.Helper()
	p, err := theProgram.etcd()
	if err != nil {
		t.Fatal(err)
	}
	return testkit.NewEtcd(t, p, 3, testkit.EtcdOptions{})
}

// TestDataCenterOnEtcd runs a master whose data lies in a cluster of three members beside a clone on Badger: sign-in and
// adoption both ways, changes and sign-outs across, while a member is killed; a restart keeps everything; without a quorum
// changes are refused in bounded time and accepted again when it is back (FLT-01, FLT-04, FLT-10, FLT-24).
func TestDataCenterOnEtcd(t *testing.T) {
	p := program(t)
	c := members(t)
	master, clone := testkit.NewProcess(t, p, "NYDC"), testkit.NewProcess(t, p, "LDC")
	master.UseEtcd(c.Block("concord/NYDC"))
	dcs := []*testkit.DataCenter{&master.DataCenter, &clone.DataCenter}
	master.Start()
	clone.Start()
	testkit.Link(dcs[0], dcs[1])
	master.User("ann")
	application := master.Application("portal", master.RuntimeURL)
	testkit.InStep(dcs...)

	load := testkit.Adoptions{testkit.Adopt(dcs[0], dcs[1], application, "ann"), testkit.Adopt(dcs[1], dcs[0], application, "ann")}
	w := write(t, dcs[0])
	w.reached(dcs[0], 20)
	c.Members[0].Kill()
	w.reached(dcs[0], w.count.Load()+40)
	load.More(1)
	c.Members[0].Start()
	c.Members[0].AwaitHealthy()
	rounds, failed := load.Stop()
	if failed > 0 {
		t.Errorf("%d of %d rounds of sign-in and adoption failed", failed, rounds)
	}
	w.stop()
	w.group.Wait()
	w.check(t, dcs[0])
	testkit.InStep(dcs...)
	w.check(t, dcs[1])

	b := testkit.NewBrowser(t, dcs...)
	if seen := b.Open(application.Through(dcs[0]), "ann", testkit.Password); seen.User != "ann" {
		t.Fatalf("sign-in: %+v", seen)
	}
	before := master.View()
	master.Kill()
	master.Start()
	if now := master.View(); now.LastSequence != before.LastSequence || now.Digest != before.Digest {
		t.Errorf("after a kill: %d %s; want %d %s", now.LastSequence, now.Digest, before.LastSequence, before.Digest)
	}
	if seen := b.Open(application.Through(dcs[0]), "", ""); seen.User != "ann" || seen.Asked {
		t.Errorf("after a kill the session is gone: %+v", seen)
	}

	c.Members[1].Kill()
	c.Members[2].Kill()
	put := func() error {
		_, err := master.Do(client.Request{Method: http.MethodPut, Path: "/v1/groups/late", In: wire.Group{Name: "late"}})
		return err
	}
	if err := put(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a change without a quorum = %v; want a fault of kind Unavailable", err)
	}
	master.Within(testkit.Limit, "says that it wants no users", func() bool { return len(master.Unhealthy()) > 0 })
	c.Members[1].Start()
	c.Members[2].Start()
	c.Members[1].AwaitHealthy()
	master.Within(testkit.Limit, "changes are accepted again", func() bool { return put() == nil })
	testkit.InStep(dcs...)
}

// TestPrefixOfAnother: a node without the key that the data were written with is refused, and changes nothing.
func TestPrefixOfAnother(t *testing.T) {
	p := program(t)
	c := members(t)
	first, second := testkit.NewProcess(t, p, "NYDC"), testkit.NewProcess(t, p, "NYDC")
	first.UseEtcd(c.Block("concord/NYDC"))
	second.UseEtcd(c.Block("concord/NYDC"))
	first.Start()
	second.Launch()
	if code := second.Exit(); code != 1 {
		t.Errorf("exit code %d; want 1", code)
	}
	want := "The prefix concord/NYDC in etcd belongs to another data center"
	if log := second.Log(); !strings.Contains(log, want) {
		t.Errorf("the log does not say %q:\n%s", want, log)
	}
	first.Put("/v1/groups/still", wire.Group{Name: "still", Description: fmt.Sprint(1)})
}

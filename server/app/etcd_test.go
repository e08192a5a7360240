package app_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/store/etcd"
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
	if why := reasons(t, master); !strings.Contains(why, "this node goes on by itself when") {
		t.Errorf("without a quorum it says %q", why)
	}
	if seen := b.Open(application.Through(dcs[0]), "", ""); seen.User != "ann" || seen.Asked {
		t.Errorf("without a quorum: %+v", seen)
	}
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

// users turns the authentication of an etcd on, which wants a client certificate: root, and concord whose role covers what concord/NYDC
// holds. It gives root's client.
func users(t *testing.T, c *testkit.Etcd, files etcd.Files) *clientv3.Client {
	t.Helper()
	over, err := files.TLS()
	if err != nil {
		t.Fatal(err)
	}
	with := func(user, password string) *clientv3.Client {
		r, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), TLS: over, DialTimeout: 10 * time.Second, Username: user, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		return r
	}
	r, ctx := with("", ""), t.Context()
	_, e1 := r.RoleAdd(ctx, "root")
	_, e2 := r.UserAdd(ctx, "root", "of-root")
	_, e3 := r.UserGrantRole(ctx, "root", "root")
	_, e4 := r.RoleAdd(ctx, "concord")
	_, e5 := r.RoleGrantPermission(ctx, "concord", "concord/NYDC/", clientv3.GetPrefixRangeEnd("concord/NYDC/"), clientv3.PermissionType(clientv3.PermReadWrite))
	_, e6 := r.UserAdd(ctx, "concord", "of-concord")
	_, e7 := r.UserGrantRole(ctx, "concord", "concord")
	_, e8 := r.AuthEnable(ctx)
	if err := errors.Join(e1, e2, e3, e4, e5, e6, e7, e8); err != nil {
		t.Fatal(err)
	}
	return with("root", "of-root")
}

// TestSecuredEtcd keeps a data center in an etcd that wants client certificates and a user, whose quota is small. It is refused with a
// wrong password in its file; with the right one it takes batches up to the limits of a transaction and says which are too large. When
// the quota is used up changes are refused as storage_full and the node says so, what it holds is read on, and it goes on by itself
// after the operator made space (FLT-04, TAM-01).
func TestSecuredEtcd(t *testing.T) {
	p := program(t)
	built, err := theProgram.etcd()
	if err != nil {
		t.Fatal(err)
	}
	at := t.TempDir() + "/"
	a := testkit.NewAuthority(t, "etcd")
	a.Write(t, at+"ca.pem")
	a.Leaf(t, at+"server", x509.ExtKeyUsageServerAuth, time.Now().Add(time.Hour))
	a.Leaf(t, at+"client", x509.ExtKeyUsageClientAuth, time.Now().Add(time.Hour))
	c := testkit.NewEtcd(t, built, 1, testkit.EtcdOptions{CertFile: at + "server.pem", KeyFile: at + "server.key", ClientCAFile: at + "ca.pem", Flags: []string{"--quota-backend-bytes=25165824"}})
	files := etcd.Files{CA: at + "ca.pem", Cert: at + "client.pem", Key: at + "client.key"}
	root := users(t, c, files)
	block := c.Block("concord/NYDC")
	block.CACertFile, block.ClientCertFile, block.ClientKeyFile = files.CA, files.Cert, files.Key
	block.Username, block.PasswordFile = "concord", at+"password"
	password := func(text string) {
		if err := os.WriteFile(block.PasswordFile, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := testkit.NewProcess(t, p, "NYDC")
	password("guessed")
	d.UseEtcd(block)
	refusedToStart(t, d, "Compare username and password_file")
	password("of-concord")
	d.Start()
	d.User("ann")
	application := d.Application("portal", d.RuntimeURL)
	b := testkit.NewBrowser(t, &d.DataCenter)
	if seen := b.Open(application, "ann", testkit.Password); seen.User != "ann" {
		t.Fatalf("sign-in: %+v", seen)
	}

	batch := func(kind string, n, bytes int) error {
		var all wire.Batch
		for i := range n {
			name := fmt.Sprintf("%s-%04d", kind, i)
			body := map[string]string{"name": name}
			if bytes > 0 {
				body["value"] = strings.Repeat(fmt.Sprint(n%10), bytes) // a change for every n
			}
			raw, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			all.Operations = append(all.Operations, wire.BatchOperation{Method: http.MethodPut, Kind: kind, Name: name, Body: raw})
		}
		_, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/batch", In: all, Timeout: time.Minute})
		return err
	}
	if err := batch("user", 1000, 0); err != nil {
		t.Errorf("1,000 users: %v", err)
	}
	if err := batch("setting", 8, 62<<10); err != nil {
		t.Errorf("496 KiB in eight objects: %v", err)
	}
	if err := batch("setting", 16, 62<<10); fault.CodeOf(err) != "batch_too_large" {
		t.Errorf("992 KiB in sixteen objects = %v; want batch_too_large", err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for err = nil; err == nil; {
		_, err = root.Put(ctx, "others/data", strings.Repeat("x", 1<<20))
	}
	if !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Fatal(err)
	}
	put := func() error {
		_, err := d.Do(client.Request{Method: http.MethodPut, Path: "/v1/groups/late", In: wire.Group{Name: "late"}})
		return err
	}
	if err := put(); fault.CodeOf(err) != "storage_full" {
		t.Errorf("a change without space = %v; want storage_full", err)
	}
	d.Within(testkit.Limit, "the node says that etcd is full", func() bool { return strings.Contains(reasons(t, d), "used its space quota up") })
	if seen := b.Open(application, "", ""); seen.User != "ann" || seen.Asked {
		t.Errorf("without space: %+v", seen)
	}
	if n := d.View().LastSequence; n < 1000 {
		t.Errorf("the sequence is %d", n)
	}
	now, err := root.Get(ctx, "others/data")
	if err == nil {
		_, err = root.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
	}
	if err == nil {
		_, err = root.Defragment(ctx, c.Endpoints()[0])
	}
	if err == nil {
		_, err = root.AlarmDisarm(ctx, &clientv3.AlarmMember{})
	}
	if err != nil {
		t.Fatal(err)
	}
	d.Within(testkit.Limit, "the node is ready again", func() bool { return d.Ready() })
	if err := put(); err != nil {
		t.Error(err)
	}
}

// reasons is why a node is not ready, "" when it is.
func reasons(t *testing.T, d *testkit.Process) string {
	t.Helper()
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(d.DataDir, "ca.pem"))
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no root certificate", err)
	}
	via := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	defer via.CloseIdleConnections()
	resp, err := (&http.Client{Transport: via, Timeout: testkit.Limit}).Get(d.Endpoint + "/v1/ready")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var h wire.Health
	if err := json.NewDecoder(resp.Body).Decode(&h); err != nil {
		t.Fatal(err)
	}
	return strings.Join(h.Reasons, "\n")
}

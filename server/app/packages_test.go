package app_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// content is n bytes that nothing can compress, and that no other seed gives.
func content(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return b
}

// status is what a data center says of its replication.
func status(d *testkit.DataCenter) (v wire.ReplicationStatus) {
	d.Get("/v1/replication/status", &v)
	return v
}

// complete waits until every content is there.
func complete(d *testkit.DataCenter) {
	d.Within(testkit.Limit, "every content is there", func() bool { return status(d).Missing == 0 })
}

// TestPackagesAreFetchedAtTheClone is MSS-11 end to end: what is uploaded at the master, its bytes never touched by hand, is
// fetched by an entitled person at the clone; by a name, by a group, and with neither it is nobody's. Another content
// replaces it. After a promotion the clone serves it to the former master.
//
// In part or whole also MSS-L1.
func TestPackagesAreFetchedAtTheClone(t *testing.T) {
	t.Parallel()
	dcs := testkit.Start(t, "NYDC", "LDC")
	testkit.Link(dcs[0], dcs[1])
	master, clone := dcs[0], dcs[1]
	master.Put("/v1/groups/staff", wire.Group{Name: "staff"})
	master.User("ann", "staff")
	master.User("bob")
	master.User("eve")
	one, two := content(1, 300_000), content(2, 200_000)
	master.Package(wire.Package{Name: "setup", FileName: "Setup für alle.msi", Users: []string{"BOB"}, Groups: []string{"staff"}}, one)
	master.Package(wire.Package{Name: "nobodys"}, two)
	testkit.InStep(dcs...)
	complete(clone)
	for _, d := range dcs {
		for user, want := range map[string]int{"ann": 200, "bob": 200, "eve": 403} {
			b := testkit.NewBrowser(t, dcs...)
			asked := b.Get(d.RuntimeURL + "/packages/setup")
			if asked.Status != http.StatusSeeOther {
				t.Fatalf("%s at %s, not signed in: %d", user, d.ClusterID, asked.Status)
			}
			back := b.Submit(b.Get(d.RuntimeURL+asked.Location), map[string][]string{"user": {user}, "password": {testkit.Password}})
			if back.Location != "/packages/setup" {
				t.Errorf("after the sign-in %s is sent to %q", user, back.Location)
			}
			got := b.Get(d.RuntimeURL + back.Location)
			if got.Status != want || want == 200 && got.Body != string(one) || want != 200 && strings.Contains(got.Body, "setup") {
				t.Errorf("%s at %s: %d, %d bytes", user, d.ClusterID, got.Status, len(got.Body))
			}
			none, absent := b.Get(d.RuntimeURL+"/packages/nobodys"), b.Get(d.RuntimeURL+"/packages/absent")
			if none.Status != 403 || absent.Status != 403 {
				t.Errorf("%s at %s: a package of nobody %d, none %d", user, d.ClusterID, none.Status, absent.Status)
			}
		}
	}
	three := content(3, 100_000)
	master.Package(wire.Package{Name: "setup", Groups: []string{"staff"}}, three)
	testkit.InStep(dcs...)
	complete(clone)
	ann := testkit.NewBrowser(t, dcs...)
	ann.SignIn(clone, "ann")
	if got := ann.Get(clone.RuntimeURL + "/packages/setup"); got.Body != string(three) {
		t.Errorf("the new content at the clone: %d, %d bytes", got.Status, len(got.Body))
	}
	promoted(t, clone)
	clone.Package(wire.Package{Name: "later", Groups: []string{"staff"}}, content(4, 50_000))
	testkit.InStep(clone, master)
	complete(master)
	ann.SignIn(master, "ann")
	if got := ann.Get(master.RuntimeURL + "/packages/later"); got.Body != string(content(4, 50_000)) {
		t.Errorf("a package of the new master at the former one: %d, %d bytes", got.Status, len(got.Body))
	}
}

func promoted(t *testing.T, d *testkit.DataCenter) {
	t.Helper()
	if _, err := d.Do(client.Request{Method: http.MethodPost, Path: "/v1/data-center/promote", In: map[string]string{"wait": "30s"}, Timeout: time.Minute}); err != nil {
		t.Fatalf("promote %s: %v", d.ClusterID, err)
	}
}

// TestAFetchGoesOnWhereItWasCut: the line is cut in the middle of a content, then the clone is stopped in the middle and
// started again; each time only what is left travels, the journal goes on meanwhile, the bytes are the right ones, and until
// they are there the answer is "try again" with the reason in the status (MSS-11, MSS-L1).
func TestAFetchGoesOnWhereItWasCut(t *testing.T) {
	t.Parallel()
	dcs := testkit.Start(t, "NYDC", "LDC")
	master, clone := dcs[0], dcs[1]
	line := testkit.NewWire(t, master.PeerAddress)
	testkit.Link(master, clone)
	clone.Put("/v1/partners/NYDC", wire.Partner{ClusterID: "NYDC", AgentID: testkit.AgentID, Primary: []string{line.Address}, RESTEndpoint: master.Endpoint})
	master.User("ann")
	testkit.InStep(dcs...)
	const size, third = 24 << 20, 8 << 20
	big := content(5, size)

	line.CutAfter(third)
	p := master.Package(wire.Package{Name: "big", Users: []string{"ann"}}, big)
	isCut := func() bool { _, cut := line.Carried(); return cut }
	clone.Within(testkit.Limit, "the line is cut in the middle", isCut)
	clone.Within(testkit.Limit, "the status says what is missing and why", func() bool {
		v := status(clone)
		return v.Missing == 1 && strings.Contains(v.Reason, p.SHA256) && strings.Contains(v.Reason, "broke off")
	})
	ann := testkit.NewBrowser(t, dcs...)
	ann.SignIn(clone, "ann")
	if got := ann.Get(clone.RuntimeURL + "/packages/big"); got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") != "10" || !strings.Contains(got.Body, "being fetched") {
		t.Errorf("before it is there: %d, Retry-After %q", got.Status, got.Header.Get("Retry-After"))
	}
	first := partOf(t, clone, p.SHA256)
	if first < third/2 || first > third {
		t.Fatalf("%d bytes arrived over a line that was cut after %d", first, third)
	}

	line.Mend()
	line.CutAfter(third)
	clone.Within(testkit.Limit, "the line is cut again", isCut)
	clone.Stop()
	second := partOf(t, clone, p.SHA256)
	if second < first+third/2 {
		t.Errorf("the part grew from %d to %d bytes only", first, second)
	}
	line.Mend()
	clone.Start()
	complete(clone)
	if n, _ := line.Carried(); n < size-second || n > size-second+third/2 {
		t.Errorf("%d of %d bytes were left, %d travelled", size-second, size, n)
	}
	master.Put("/v1/groups/after", wire.Group{Name: "after"})
	clone.Follows(master)
	ann.SignIn(clone, "ann")
	got := ann.Get(clone.RuntimeURL + "/packages/big")
	if got.Status != 200 || sha256.Sum256([]byte(got.Body)) != sha256.Sum256(big) {
		t.Errorf("the content at the clone: %d, %d bytes", got.Status, len(got.Body))
	}
}

// partOf is how much of a content has arrived.
func partOf(t *testing.T, d *testkit.DataCenter, digest string) int64 {
	t.Helper()
	st, err := os.Stat(filepath.Join(d.DataDir, "blobs", "partial", digest))
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

// TestWrongBytesAreNotTaken: what lies in a clone's part is not what the master has, as after a crash; the digest finds it,
// nothing of it is served, and the next fetch brings the right bytes (MSS-11).
func TestWrongBytesAreNotTaken(t *testing.T) {
	t.Parallel()
	dcs := testkit.Start(t, "NYDC", "LDC")
	master, clone := dcs[0], dcs[1]
	testkit.Link(master, clone)
	master.User("ann")
	testkit.InStep(dcs...)
	body := content(6, 1<<20)
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	part := filepath.Join(clone.DataDir, "blobs", "partial", digest)
	if err := os.WriteFile(part, content(7, 500_000), 0o600); err != nil {
		t.Fatal(err)
	}
	master.Package(wire.Package{Name: "p", Users: []string{"ann"}}, body)
	testkit.InStep(dcs...)
	complete(clone)
	kept, err := os.ReadFile(filepath.Join(clone.DataDir, "blobs", "whole", digest+".raw"))
	if err != nil || !bytes.Equal(kept, body) {
		t.Errorf("the clone keeps %d bytes, %v", len(kept), err)
	}
}

// TestContentsAreCollectedOnceNobodyNeedsThem: an upload waits a day for its package, a content that is referred to stays, one
// that is replaced goes a day later, in both data centers.
func TestContentsAreCollectedOnceNobodyNeedsThem(t *testing.T) {
	t.Parallel()
	d := testkit.Start(t, "NYDC")[0]
	kept, err := d.Upload(content(8, 1000))
	if err != nil {
		t.Fatal(err)
	}
	lost, err := d.Upload(content(9, 1000))
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Do(client.Request{Method: http.MethodPut, Path: "/v1/packages/p", In: wire.Package{Name: "p", SHA256: strings.Repeat("a", 64), Size: 1}})
	if !fault.Is(err, fault.Conflict) || fault.CodeOf(err) != "blob_missing" {
		t.Errorf("a package without its content: %v", err)
	}
	d.Put("/v1/packages/p", wire.Package{Name: "p", SHA256: kept, Size: 1000})
	d.Stop()
	old := time.Now().Add(-25 * time.Hour)
	for _, digest := range []string{kept, lost} {
		if err := os.Chtimes(filepath.Join(d.DataDir, "blobs", "whole", digest+".raw"), old, old); err != nil {
			t.Fatal(err)
		}
	}
	d.Start()
	d.Within(testkit.Limit, "what nobody refers to is gone", func() bool {
		_, err := os.Stat(filepath.Join(d.DataDir, "blobs", "whole", lost+".raw"))
		return os.IsNotExist(err)
	})
	var b wire.Blob
	if d.Get("/v1/blobs/"+kept, &b); b.Size != 1000 {
		t.Errorf("the content of the package: %+v", b)
	}
	_, err = d.Do(client.Request{Method: http.MethodGet, Path: "/v1/blobs/" + lost})
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("the other one: %v", fmt.Sprint(err))
	}
}

// TestAKillLeavesWholeContentsOrNone: kill -9 in the middle of an upload leaves nothing, right after the answer all of it; the
// same upload made again goes through (FLT-01, MSS-11).
func TestAKillLeavesWholeContentsOrNone(t *testing.T) {
	p := testkit.StartProcesses(t, program(t), "NYDC")[0]
	for round := range byte(3) {
		body := content(10+round, 3<<20)
		sum := sha256.Sum256(body)
		digest := hex.EncodeToString(sum[:])
		r, w := io.Pipe()
		api, refused := p.Admin(), make(chan error, 1)
		go func() {
			_, err := api.Do(t.Context(), client.Request{Method: http.MethodPut, Path: "/v1/blobs/" + digest, Timeout: -1,
				Content: &client.Content{Length: int64(len(body)), Open: func() (io.ReadCloser, error) { return r, nil }}})
			_ = r.CloseWithError(io.ErrClosedPipe) // whoever writes on need not wait
			refused <- err
		}()
		if _, err := w.Write(body[:2<<20]); err != nil {
			t.Fatal(err)
		}
		p.Within(testkit.Limit, "the upload is under way", func() bool { return len(filesIn(t, p, "incoming")) == 1 })
		p.Kill()
		_ = w.Close() // the upload has its end, if it did not have it
		if err := <-refused; err == nil {
			t.Fatal("half an upload was acknowledged")
		}
		p.Start()
		if left := append(filesIn(t, p, "incoming"), filesIn(t, p, "whole")...); len(left) != int(round) {
			t.Errorf("after a kill in the middle: %v", left)
		}
		if _, err := p.Upload(body); err != nil {
			t.Fatal(err)
		}
		p.Kill()
		p.Start()
		kept, err := os.ReadFile(filepath.Join(p.DataDir, "blobs", "whole", digest+".raw"))
		if err != nil || !bytes.Equal(kept, body) {
			t.Errorf("after a kill behind the answer: %d bytes, %v", len(kept), err)
		}
	}
}

func filesIn(t *testing.T, p *testkit.Process, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Join(p.DataDir, "blobs", dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

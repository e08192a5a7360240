package httpapi_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func digestOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func zipWith(t *testing.T, name string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "x"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestUploadsAreWholeOrNotThere: an upload larger than any other body is taken; what has another digest, is empty, is not
// named by a digest or holds a hostile archive is refused and leaves nothing; what is here already is not read again
// (MSS-11, SEC-60, SEC-66).
func TestUploadsAreWholeOrNotThere(t *testing.T) {
	d := start(t)
	at := func(body string) string { return "/v1/blobs/" + digestOf(body) }
	big := strings.Repeat("0123456789abcdef", 200_000) // three bodies of any other route
	if got := admin(t, d, http.MethodPut, at(big), big); got.status != http.StatusCreated || !strings.Contains(got.body, `"format":"raw"`) {
		t.Errorf("upload: %d %s", got.status, got.body)
	}
	if got := admin(t, d, http.MethodPut, at(big), ""); got.status != http.StatusOK || !strings.Contains(got.body, fmt.Sprint(len(big))) {
		t.Errorf("once more, without the bytes: %d %s", got.status, got.body)
	}
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		if got := admin(t, d, method, at(big), ""); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", method, got.status, got.body)
		}
		if got := admin(t, d, method, at("other"), ""); got.status != http.StatusNotFound {
			t.Errorf("%s of another: %d %s", method, got.status, got.body)
		}
	}
	evil := zipWith(t, "../../evil.sh")
	admin(t, d, http.MethodPut, at("one"), "two").refused(t, http.StatusBadRequest, "wrong_digest")
	admin(t, d, http.MethodPut, at(""), "").refused(t, http.StatusBadRequest, "empty_blob")
	for _, name := range []string{"x", strings.ToUpper(digestOf("one")), "..%2Fwhole%2Fx", digestOf("one") + "0"} {
		admin(t, d, http.MethodPut, "/v1/blobs/"+name, "one").refused(t, http.StatusBadRequest, "invalid_input")
	}
	if p := admin(t, d, http.MethodPut, at(evil), evil).refused(t, http.StatusBadRequest, "unsafe_archive"); !strings.Contains(p.Detail, "../../evil.sh") {
		t.Errorf("the refusal does not name the entry: %s", p.Detail)
	}
	tooLarge(t, d)
	for dir, want := range map[string]int{"whole": 1, "incoming": 0, "partial": 0} {
		kept, err := os.ReadDir(filepath.Join(d.DataDir, "blobs", dir))
		if err != nil || len(kept) != want {
			t.Errorf("%s holds %v, %v", dir, kept, err)
		}
	}
	for name, mode := range map[string]os.FileMode{"blobs": 0o700, "blobs/whole": 0o700, "blobs/whole/" + digestOf(big) + ".raw": 0o600} { // SEC-71
		if st, err := os.Stat(filepath.Join(d.DataDir, name)); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
}

// tooLarge announces more than may come, and is refused before it sends any of it.
func tooLarge(t *testing.T, d *testkit.DataCenter) {
	t.Helper()
	at, err := url.Parse(d.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", at.Host, d.TLS())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the test is over
	if _, err := fmt.Fprintf(conn, "PUT /v1/blobs/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", digestOf("x"), d.Token, 1<<30+1); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("announced too large: %d", res.StatusCode)
	}
}

// TestAPackageFitsItsContent: a package is refused whose content is not here, or is not as large or not what it says; so are
// uploads and packages at a clone, with the master's address (MSS-11, SEC-45).
func TestAPackageFitsItsContent(t *testing.T) {
	t.Parallel()
	both := testkit.Start(t, "NYDC", "LDC")
	d, clone := both[0], both[1]
	z := zipWith(t, "a.txt")
	if _, err := d.Upload([]byte(z)); err != nil {
		t.Fatal(err)
	}
	put := func(format, digest string, size int) answer {
		return admin(t, d, http.MethodPut, "/v1/packages/p", fmt.Sprintf(`{"name":"p","sha256":%q,"size":%d,"format":%q}`, digest, size, format))
	}
	for _, c := range []struct {
		what, format, digest string
		size, status         int
		code, pointer        string
	}{
		{"absent", "raw", digestOf("absent"), 6, http.StatusConflict, "blob_missing", ""},
		{"another size", "zip", digestOf(z), len(z) + 1, http.StatusBadRequest, "invalid_input", "/size"},
		{"no size", "zip", digestOf(z), 0, http.StatusBadRequest, "invalid_input", "/size"},
		{"another format", "tar", digestOf(z), len(z), http.StatusBadRequest, "invalid_input", "/format"},
		{"no format", "msi", digestOf(z), len(z), http.StatusBadRequest, "invalid_input", "/format"},
		{"no digest", "zip", "abc", len(z), http.StatusBadRequest, "invalid_input", "/sha256"},
	} {
		p := put(c.format, c.digest, c.size).refused(t, c.status, c.code)
		if c.pointer != "" && (len(p.Errors) != 1 || p.Errors[0].Pointer != c.pointer) {
			t.Errorf("%s: %+v", c.what, p.Errors)
		}
	}
	for _, format := range []string{"zip", "raw"} {
		if got := put(format, strings.ToUpper(digestOf(z)), len(z)); got.status > 201 || !strings.Contains(got.body, digestOf(z)) {
			t.Errorf("%s: %d %s", format, got.status, got.body)
		}
	}
	for _, name := range []string{"a/b", `a\\b`, "x\u202Efdp.exe", "x\u2028", "x\u2029", "x\u0085", "x\u200b", "\ufeffx", "x\u00ad", `x\n`} {
		admin(t, d, http.MethodPatch, "/v1/packages/p", fmt.Sprintf(`{"file_name":"%s"}`, name)).refused(t, http.StatusBadRequest, "invalid_input")
	}
	admin(t, d, http.MethodPatch, "/v1/packages/p", `{"groups":["absent"]}`).refused(t, http.StatusBadRequest, "invalid_input")
	testkit.Link(d, clone)
	for _, p := range []string{"/v1/blobs/" + digestOf("x"), "/v1/packages/q"} {
		body := map[bool]string{true: "x", false: fmt.Sprintf(`{"name":"q","sha256":%q,"size":1}`, digestOf("x"))}[strings.Contains(p, "blobs")]
		if got := admin(t, clone, http.MethodPut, p, body).refused(t, http.StatusConflict, "not_master"); got.Hint != d.Endpoint {
			t.Errorf("%s: hint %q", p, got.Hint)
		}
	}
}

// TestAPackageIsServedAsAFile: with its digest as ETag, in ranges, to be saved and never shown or kept by who is in between
// (STD-02, SEC-13).
func TestAPackageIsServedAsAFile(t *testing.T) {
	d := start(t)
	d.User("ann")
	p := d.Package(wire.Package{Name: "p", FileName: `naïve "x".html`, Users: []string{"ann"}}, []byte("<script>alert(1)</script>"))
	d.Package(wire.Package{Name: "hers", Users: []string{"eve"}}, []byte("hers"))
	b := testkit.NewBrowser(t, d)
	b.SignIn(d, "ann")
	get := func(name string, header ...string) testkit.Page {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.RuntimeURL+"/packages/"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		return b.Do(req)
	}
	tag := `"` + p.SHA256 + `"`
	all := get("p")
	for name, want := range map[string]string{"ETag": tag, "Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache",
		"Content-Disposition": "attachment; filename*=utf-8''na%C3%AFve%20%22x%22.html", "Content-Security-Policy": "default-src 'none'; sandbox", "Accept-Ranges": "bytes"} {
		if got := all.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		header []string
		status int
		body   string
	}{
		{nil, 200, "<script>alert(1)</script>"},
		{[]string{"Range", "bytes=8-12"}, 206, "alert"},
		{[]string{"Range", "bytes=-9"}, 206, "</script>"},
		{[]string{"Range", "bytes=8-12", "If-Range", tag}, 206, "alert"},
		{[]string{"Range", "bytes=8-12", "If-Range", `"old"`}, 200, "<script>alert(1)</script>"},
		{[]string{"If-None-Match", tag}, 304, ""},
		{[]string{"Range", "bytes=99-"}, 416, ""},
	} {
		if got := get("p", c.header...); got.Status != c.status || c.status != 416 && got.Body != c.body {
			t.Errorf("%v: %d %q", c.header, got.Status, got.Body)
		}
	}
	for _, name := range []string{"hers", "absent", "..", "a%2Fb", "a%00b"} {
		if got := get(name, "If-None-Match", "*"); got.Status != http.StatusForbidden || strings.Contains(got.Body, digestOf("hers")) || got.Header.Get("ETag") != "" || !strings.Contains(got.Body, "no package of this name for you") {
			t.Errorf("%s: %d %v", name, got.Status, got.Header)
		}
	}
	stranger := testkit.NewBrowser(t, d)
	for _, name := range []string{"p", "hers", "absent"} {
		got := stranger.Get(d.RuntimeURL + "/packages/" + name)
		if got.Status != http.StatusSeeOther || got.Location != "/login?package="+name || got.Header.Get("ETag") != "" {
			t.Errorf("%s, not signed in: %d to %q", name, got.Status, got.Location)
		}
	}
	if got := stranger.Get(d.RuntimeURL + "/packages/" + url.PathEscape(`"><script>`)); got.Status != http.StatusSeeOther || got.Location != "/login?package=" {
		t.Errorf("a name that is none: %d to %q", got.Status, got.Location)
	}
}

// TestContentsAreForCounterparts: over the peer listener a content goes to a partner with an enabled agreement only, and only
// one that a package refers to (SEC-43, SEC-47).
func TestContentsAreForCounterparts(t *testing.T) {
	d := start(t)
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	p := d.Package(wire.Package{Name: "p"}, []byte("0123456789"))
	loose, err := d.Upload([]byte("nobody's yet"))
	if err != nil {
		t.Fatal(err)
	}
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "clone"})
	cfg := stranger(t, d)
	at := func(digest string) string { return "/peer/v1/blobs/" + digest }
	peer(t, d, cfg, http.MethodGet, at(p.SHA256), "").refused(t, http.StatusForbidden, "no_agreement")
	agreement := func(method string, enabled bool) {
		body := strings.Replace(fmt.Sprintf(fakeAgreement, "x", "FAKE", enabled), `"overwrite":false`, `"overwrite":true`, 1)
		if got := peer(t, d, cfg, method, "/peer/v1/replication/agreements/x", body); got.status != http.StatusOK {
			t.Fatalf("agreement: %d %s", got.status, got.body)
		}
	}
	agreement(http.MethodPut, false)
	peer(t, d, cfg, http.MethodGet, at(p.SHA256), "").refused(t, http.StatusForbidden, "no_agreement")
	agreement(http.MethodPatch, true)
	if got := peer(t, d, cfg, http.MethodGet, at(p.SHA256), ""); got.status != http.StatusOK || got.body != "0123456789" {
		t.Errorf("with an agreement: %d %s", got.status, got.body)
	}
	for _, digest := range []string{loose, digestOf("absent"), "..%2Fx"} {
		peer(t, d, cfg, http.MethodGet, at(digest), "").refused(t, http.StatusNotFound, "not_found")
	}
	agreement(http.MethodPatch, false)
	peer(t, d, cfg, http.MethodGet, at(p.SHA256), "").refused(t, http.StatusForbidden, "no_agreement")
}

// TestALongFetchEndsWithTheTrust: a content that is under way over the peer listener breaks off when its partner is not
// trusted any more, or its agreement is disabled, and does not look as if it were whole (SEC-43, FLT-22).
func TestALongFetchEndsWithTheTrust(t *testing.T) {
	t.Run("trust", func(t *testing.T) {
		longFetch(t, func(d *testkit.DataCenter, _ func(method string, enabled bool)) {
			d.Delete("/v1/trust/certificates/fake")
		})
	})
	t.Run("agreement", func(t *testing.T) {
		longFetch(t, func(_ *testkit.DataCenter, agreement func(method string, enabled bool)) {
			agreement(http.MethodPatch, false)
		})
	})
}

// longFetch begins a fetch over a slow line and ends what allows it.
func longFetch(t *testing.T, end func(d *testkit.DataCenter, agreement func(method string, enabled bool))) {
	t.Helper()
	d := start(t)
	d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: testkit.AgentID, AllowManagement: true})
	p := d.Package(wire.Package{Name: "p"}, make([]byte, 64<<20))
	d.Put("/v1/data-center", wire.DataCenter{ClusterID: "NYDC", Role: "clone"})
	cfg := stranger(t, d)
	agreement := func(method string, enabled bool) {
		body := strings.Replace(fmt.Sprintf(fakeAgreement, "x", "FAKE", enabled), `"overwrite":false`, `"overwrite":true`, 1)
		if got := peer(t, d, cfg, method, "/peer/v1/replication/agreements/x", body); got.status != http.StatusOK {
			t.Fatalf("agreement: %d %s", got.status, got.body)
		}
	}
	agreement(http.MethodPut, false)
	agreement(http.MethodPatch, true)
	pool := &http.Transport{TLSClientConfig: cfg}
	defer pool.CloseIdleConnections()
	res, err := (&http.Client{Transport: pool}).Get("https://" + d.PeerAddress + "/peer/v1/blobs/" + p.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	brokenOff(t, res.Body, 64<<20, func() { end(d, agreement) })
}

// brokenOff reads a body over a slow line and wants it to end before it is whole, after what makes it end.
func brokenOff(t *testing.T, body io.Reader, size int, end func()) {
	t.Helper()
	chunk := make([]byte, 64<<10)
	got, err := io.ReadFull(body, chunk)
	if err != nil {
		t.Fatal(err)
	}
	end()
	pace := time.NewTicker(5 * time.Millisecond) // a slow line: all of it takes more than the time in which trust is looked at again
	defer pace.Stop()
	for err == nil && got < size {
		<-pace.C
		n := 0
		n, err = body.Read(chunk)
		got += n
	}
	if err == nil || errors.Is(err, io.EOF) || got == size {
		t.Errorf("%d bytes arrived all the same: %v", got, err)
	}
}

// TestADownloadEndsWithTheRight: a content that is under way to a person breaks off soon after the package is not theirs any
// more, their account is disabled or they sign out (MSS-11, SEC-12).
func TestADownloadEndsWithTheRight(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *testkit.DataCenter, *testkit.Browser){
		"not theirs": func(t *testing.T, d *testkit.DataCenter, _ *testkit.Browser) {
			if got := admin(t, d, http.MethodPatch, "/v1/packages/p", `{"users":["eve"]}`); got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.body)
			}
		},
		"disabled": func(t *testing.T, d *testkit.DataCenter, _ *testkit.Browser) {
			if got := admin(t, d, http.MethodPatch, "/v1/users/ann", `{"enabled":false}`); got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.body)
			}
		},
		"signed out": func(_ *testing.T, d *testkit.DataCenter, b *testkit.Browser) { b.SignOut(d) },
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t)
			d.User("ann")
			d.Package(wire.Package{Name: "p", Users: []string{"ann"}}, make([]byte, 64<<20))
			b := testkit.NewBrowser(t, d)
			b.SignIn(d, "ann")
			pool := &http.Transport{TLSClientConfig: d.TLS()}
			defer pool.CloseIdleConnections()
			res, err := (&http.Client{Transport: pool, Jar: b.Jar}).Get(d.RuntimeURL + "/packages/p")
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatal(res, err)
			}
			defer res.Body.Close() //nolint:errcheck // it was only read
			brokenOff(t, res.Body, 64<<20, func() { end(t, d, b) })
		})
	}
}

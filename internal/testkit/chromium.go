package testkit

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// Screen is what a real browser shows its pages on.
type Screen struct {
	Width, Height int64
	Dark          bool
	Language      string // Accept-Language; "" = the browser's own
	Home          string // where the browser finds its user's certificates; "" = as of whoever runs the test
}

// Chromium is a real browser without a window.
type Chromium struct {
	t   testing.TB
	ctx context.Context // chromedp's handle of the tab

	mu       sync.Mutex // guards complaints
	complain []string
}

// NewChromium starts a browser with a fresh profile that trusts the certificates which these addresses (host:port) show now.
func NewChromium(t testing.TB, s Screen, trusted ...string) *Chromium {
	t.Helper()
	program := Tool(t, "apt-get install chromium", "chromium", "chromium-browser", "google-chrome")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(int(s.Width), int(s.Height)),
		chromedp.Flag("ignore-certificate-errors-spki-list", keysOf(t, trusted)), chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(time.Minute))
	if s.Home != "" {
		options = append(options, chromedp.Env("HOME="+s.Home, "XDG_DATA_HOME="+filepath.Join(s.Home, ".local", "share")))
	}
	if os.Geteuid() == 0 { // Chromium's own sandbox refuses root
		options = append(options, chromedp.NoSandbox)
	}
	allocator, endAll := chromedp.NewExecAllocator(context.Background(), options...)
	tab, endTab := chromedp.NewContext(allocator)
	limit, endLimit := context.WithTimeout(tab, 3*time.Minute)
	c := &Chromium{t: t, ctx: limit}
	t.Cleanup(func() {
		_ = chromedp.Cancel(tab) // waits until the browser has ended
		endLimit()
		endTab()
		endAll()
		chromedp.FromContext(tab).Allocator.Wait()
	})
	chromedp.ListenTarget(tab, c.listen)
	scheme := "light"
	if s.Dark {
		scheme = "dark"
	}
	setup := []chromedp.Action{log.Enable(), network.Enable(), emulation.SetFocusEmulationEnabled(true), emulation.SetDeviceMetricsOverride(s.Width, s.Height, 1, s.Width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}})}
	if s.Language != "" {
		setup = append(setup, network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": s.Language}))
	}
	c.Do(setup...)
	return c
}

// listen collects what the browser complains of: blocked contents, scripts that failed, files that are not there.
func (c *Chromium) listen(event any) {
	if e, ok := event.(*log.EventEntryAdded); ok && e.Entry.Level == log.LevelError {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.complain = append(c.complain, e.Entry.Text+" "+e.Entry.URL)
	}
}

// Complaints gives what the browser complained of since it was asked last.
func (c *Chromium) Complaints() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.complain
	c.complain = nil
	return out
}

// Do lets the browser act; the test fails when it cannot.
func (c *Chromium) Do(actions ...chromedp.Action) {
	c.t.Helper()
	if err := chromedp.Run(c.ctx, actions...); err != nil {
		c.t.Fatalf("chromium: %v", err)
	}
}

// Open goes to an address and waits for the page.
func (c *Chromium) Open(address string) {
	c.t.Helper()
	c.Do(chromedp.Navigate(address))
}

// Click clicks on what a CSS selector finds and waits for the page that follows.
func (c *Chromium) Click(selector string) {
	c.t.Helper()
	if _, err := chromedp.RunResponse(c.ctx, chromedp.Click(selector, chromedp.ByQuery)); err != nil {
		c.t.Fatalf("chromium: click %s: %v", selector, err)
	}
}

// Submit sends the form that a CSS selector finds, as its button would, and waits for the page that follows.
func (c *Chromium) Submit(selector string) {
	c.t.Helper()
	if _, err := chromedp.RunResponse(c.ctx, chromedp.Submit(selector, chromedp.ByQuery)); err != nil {
		c.t.Fatalf("chromium: submit %s: %v", selector, err)
	}
}

// Press presses keys, as "\t" or "\r"; follow says that a page follows.
func (c *Chromium) Press(keys string, follow bool) {
	c.t.Helper()
	var err error
	if follow {
		_, err = chromedp.RunResponse(c.ctx, chromedp.KeyEvent(keys))
	} else {
		err = chromedp.Run(c.ctx, chromedp.KeyEvent(keys))
	}
	if err != nil {
		c.t.Fatalf("chromium: press %q: %v", keys, err)
	}
}

// Ask evaluates an expression of JavaScript in the page, as its developer tools do.
func (c *Chromium) Ask(expression string, out any) {
	c.t.Helper()
	c.Do(chromedp.Evaluate(expression, out))
}

// Where is the address that the browser shows.
func (c *Chromium) Where() (address string) {
	c.t.Helper()
	c.Do(chromedp.Location(&address))
	return address
}

// Cookies are all that the browser keeps, as a Cookie header would carry them.
func (c *Chromium) Cookies() (pairs []string) {
	c.t.Helper()
	c.Do(chromedp.ActionFunc(func(ctx context.Context) error {
		all, err := storage.GetCookies().Do(ctx)
		for _, one := range all {
			pairs = append(pairs, one.Name+"="+one.Value)
		}
		return err
	}))
	return pairs
}

// Text is what the page says.
func (c *Chromium) Text() (text string) {
	c.t.Helper()
	c.Ask("document.body.innerText", &text)
	return text
}

// Screenshot leaves a picture of the whole page in bin/screenshots.
func (c *Chromium) Screenshot(name string) {
	c.t.Helper()
	var picture []byte
	c.Do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		picture, err = page.CaptureScreenshot().WithCaptureBeyondViewport(true).Do(ctx)
		return err
	}))
	dir := filepath.Join(repository(), "bin", "screenshots")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // build output
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil { //nolint:gosec // build output
		c.t.Fatal(err)
	}
}

// keysOf gives what Chromium knows certificates by: SHA-256 of the public keys that the addresses show.
func keysOf(t testing.TB, addresses []string) string {
	t.Helper()
	var out []string
	for _, a := range addresses {
		c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", a) //nolint:gosec // the key is what is asked for
		if err != nil {
			t.Fatalf("ask %s for its certificate: %v", a, err)
		}
		state := c.(*tls.Conn).ConnectionState() //nolint:forcetypeassert // what the dialer promises
		sum := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
		out = append(out, base64.StdEncoding.EncodeToString(sum[:]))
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(out, ",")
}

// String names the screen, for file names.
func (s Screen) String() string {
	shade := "light"
	if s.Dark {
		shade = "dark"
	}
	language, _, _ := strings.Cut(s.Language, ",")
	if language == "" {
		language = "en"
	}
	return fmt.Sprintf("%d-%s-%s", s.Width, shade, language)
}

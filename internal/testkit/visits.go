package testkit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Visits are requests that go on until the test ends, by somebody who believes the data center's root and no certificate that has
// ended.
type Visits struct {
	t    testing.TB
	url  string
	http *http.Client
	stop context.CancelFunc
	done chan struct{} // closed when the last one is over

	mu      sync.Mutex // guards all below
	until   time.Time  // end of the certificate that was shown last
	shown   string     // its serial
	served  int        // answered
	refused int        // not made, as the certificate had ended: nothing else is expected of whoever cannot renew
	failed  int        // anything else
	first   error      // of failed
}

// Asking says how somebody visits.
type Asking struct {
	URL   string
	TLS   *tls.Config
	Jar   http.CookieJar // nil = no cookies
	Every time.Duration
	Keep  bool // over a connection that is kept, rather than over one for each request
}

// KeepVisiting starts visits at a data center's admin listener.
func KeepVisiting(t testing.TB, d *DataCenter) *Visits {
	t.Helper()
	return KeepAsking(t, Asking{URL: d.Endpoint + "/v1/health", TLS: d.TLS(), Every: 10 * time.Millisecond})
}

// KeepAsking starts visits at any address. Redirects are not followed: whoever is sent elsewhere was not served.
func KeepAsking(t testing.TB, a Asking) *Visits {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	pool := &http.Transport{TLSClientConfig: a.TLS, DisableKeepAlives: !a.Keep, ForceAttemptHTTP2: a.Keep}
	v := &Visits{t: t, url: a.URL, stop: cancel, done: make(chan struct{}), http: &http.Client{Timeout: patience, Jar: a.Jar, Transport: pool,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	go func() { // joined by Stop
		defer close(v.done)
		defer pool.CloseIdleConnections()
		tick := time.NewTicker(a.Every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				v.once(ctx)
			}
		}
	}()
	t.Cleanup(v.Stop)
	return v
}

// Stop ends the visits; a second call does nothing.
func (v *Visits) Stop() {
	v.stop()
	<-v.done
}

func (v *Visits) once(ctx context.Context) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, nil)
	if err != nil {
		v.t.Error(err)
		return
	}
	answer, err := v.http.Do(r)
	if ctx.Err() != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)) // so that a kept connection is used again
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			v.fail(fmt.Errorf("%s answers %s", v.url, answer.Status))
			return
		}
		v.served++
		v.until, v.shown = answer.TLS.PeerCertificates[0].NotAfter, answer.TLS.PeerCertificates[0].SerialNumber.String()
		return
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired && time.Now().After(v.until) {
		v.refused++
		return
	}
	v.fail(err)
}

func (v *Visits) fail(err error) {
	if v.failed++; v.first == nil {
		v.first = err
	}
}

// Served counts the requests that were answered.
func (v *Visits) Served() int { v.mu.Lock(); defer v.mu.Unlock(); return v.served }

// Refused counts the requests that were not made since the certificate had ended.
func (v *Visits) Refused() int { v.mu.Lock(); defer v.mu.Unlock(); return v.refused }

// Shown is the serial of the certificate that was shown last.
func (v *Visits) Shown() string { v.mu.Lock(); defer v.mu.Unlock(); return v.shown }

// Failed counts all other requests, and gives the first one's error.
func (v *Visits) Failed() (int, error) { v.mu.Lock(); defer v.mu.Unlock(); return v.failed, v.first }

// Unhealthy gives what the runtime listener says to somebody who does not look at its certificate, as load balancers do; nil when
// it says that all is well.
func (d *DataCenter) Unhealthy() []string {
	d.t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // as said
	defer tr.CloseIdleConnections()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.RuntimeURL+"/v1/health", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: tr, Timeout: patience}).Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	var said struct {
		Reasons []string `json:"reasons"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil {
		d.t.Fatal(err)
	}
	return append(said.Reasons, answer.Status)
}

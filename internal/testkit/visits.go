package testkit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Visits are requests that go on until the test ends, each over a connection of its own, by somebody who believes the data
// center's root and no certificate that has ended.
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

// KeepVisiting starts visits at a data center's admin listener.
func KeepVisiting(t testing.TB, d *DataCenter) *Visits {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	v := &Visits{t: t, url: d.Endpoint + "/v1/health", stop: cancel, done: make(chan struct{}), http: &http.Client{Timeout: patience,
		Transport: &http.Transport{TLSClientConfig: d.TLS(), DisableKeepAlives: true}}}
	go func() { // joined by Stop
		defer close(v.done)
		tick := time.NewTicker(10 * time.Millisecond)
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
		_ = answer.Body.Close()
		v.served++
		v.until, v.shown = answer.TLS.PeerCertificates[0].NotAfter, answer.TLS.PeerCertificates[0].SerialNumber.String()
		return
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired && time.Now().After(v.until) {
		v.refused++
		return
	}
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

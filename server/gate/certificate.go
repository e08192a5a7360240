package gate

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificateAge is how long a loaded certificate is used before its file is looked at again.
const certificateAge = time.Minute

// certificate is the gate's own, read again when its file has changed, so that renewing needs no restart.
type certificate struct {
	certFile, keyFile string

	mu      sync.Mutex // guards the rest
	pair    *tls.Certificate
	changed time.Time // modification time of certFile when pair was read
	looked  time.Time
}

func newCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	return c, c.read()
}

// get gives the certificate at time now. A file that cannot be read keeps the old one: a half-written renewal must not
// close the gate.
func (c *certificate) get(now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.looked); age < 0 || age >= certificateAge {
		c.looked = now
		if info, err := os.Stat(c.certFile); err == nil && !info.ModTime().Equal(c.changed) {
			_ = c.read()
		}
	}
	return c.pair
}

func (c *certificate) read() error {
	info, err := os.Stat(c.certFile)
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate and key: %w", err)
	}
	c.pair, c.changed = &pair, info.ModTime()
	return nil
}

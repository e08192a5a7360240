package ca

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

const (
	rootLife   = 10 * 365 * 24 * time.Hour
	issuerLife = 5 * 365 * 24 * time.Hour

	// RefreshHint is how often others are told to read the bundle. Partners are told of a change at once.
	RefreshHint = 5 * time.Minute

	// backdate lets partners whose clocks are a little behind take a fresh certificate. A short-lived one is dated back by a
	// tenth of its life, and by ten seconds at least, so that two thirds of what it says are still ahead when it is made.
	backdate      = 5 * time.Minute
	leastBackdate = 10 * time.Second

	defaultLeafTTL = 24 * time.Hour
	minLeafTTL     = time.Minute
	minExternalTTL = 10 * time.Second // what an external authority allows is its own affair
	maxLeafTTL     = 90 * 24 * time.Hour
	maxWebNames    = maxNames - 3 // with the three that are always there
)

// Wrapper seals what must not lie in the store as it is. Context is bound to the sealed bytes and must be the same for both.
type Wrapper interface {
	Wrap(plain, context []byte) ([]byte, error)
	Unwrap(sealed, context []byte) ([]byte, error)
}

// Config says whose authority this is.
type Config struct {
	ClusterID string        // mdc.ValidClusterID
	NodeName  string        // the same rule; the last part of the peer leaf's name
	Store     store.Store   // keys under "ca/"
	Wrapper   Wrapper       // the node's key
	LeafTTL   time.Duration // life of a leaf, 1 minute to 90 days; 0 = 24 h
	WebNames  []string      // DNS names and IP addresses of the web leaf; localhost, 127.0.0.1 and ::1 are always added
	Audit     *audit.Log    // of administrators' acts, in the same store; nil = none is kept
	Clock     clock.Clock   // decides validity; nil = the machine's clock
	Logger    *slog.Logger  // nil = silent
	External  *External     // who signs in the place of the embedded authority; nil = nobody
}

// normal fills the defaults in and refuses what cannot work.
func (c Config) normal() (Config, error) {
	if c.Store == nil || c.Wrapper == nil {
		return c, errors.New("configure authority: Store and Wrapper are required")
	}
	if !mdc.ValidClusterID(c.ClusterID) || !mdc.ValidClusterID(c.NodeName) {
		return c, fmt.Errorf("configure authority: cluster id %q and node name %q must be 1 to 63 letters and digits, starting with a letter", c.ClusterID, c.NodeName)
	}
	if c.LeafTTL == 0 {
		c.LeafTTL = defaultLeafTTL
	}
	least := minLeafTTL
	if c.External != nil {
		least = minExternalTTL
		if !c.External.valid() {
			return c, errors.New("configure authority: an external one needs URL, Fingerprint, Provisioner and Password")
		}
	}
	if c.LeafTTL < least || c.LeafTTL > maxLeafTTL {
		return c, fmt.Errorf("configure authority: leaf life %s is not between %s and %s", c.LeafTTL, least, maxLeafTTL)
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	var err error
	c.WebNames, err = webNames(c.WebNames)
	return c, err
}

// webNames gives the names of the web leaf in one spelling and order, so that "did the names change" is an equality.
func webNames(given []string) ([]string, error) {
	if len(given) > maxWebNames {
		return nil, fmt.Errorf("configure authority: more than %d web names", maxWebNames)
	}
	out := []string{"localhost", "127.0.0.1", "::1"}
	for _, n := range given {
		clean, ok := webName(n)
		if !ok {
			return nil, fmt.Errorf("configure authority: web name %q is neither a DNS name nor an IP address", clip(n))
		}
		out = append(out, clean)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// validDNSName takes host names only. It keeps out what step's SAN splitter would read as a URI or an e-mail address.
func validDNSName(n string) bool {
	if n == "" || len(n) > 253 {
		return false
	}
	for label := range strings.SplitSeq(n, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
)

const (
	defaultDialTimeout    = 5 * time.Second
	defaultRequestTimeout = 5 * time.Second

	// MaxPrefix is the greatest length of a prefix in bytes: it is sent with each key, and the bounds of a transaction count on it.
	MaxPrefix = 64
)

// Config says where a store keeps its data.
type Config struct {
	Endpoints []string    // http://host:port or https://host:port of members; at least one
	Prefix    string      // of all keys of the data center, at most MaxPrefix bytes
	Space     string      // which store of the data center this is: "state", "sessions"
	Owner     string      // the data center's id; a prefix that belongs to another one is refused
	Username  string      // "" = without
	Password  string      // goes with Username
	TLS       *tls.Config // for https; nil = the machine's roots and no client certificate

	DialTimeout    time.Duration // for one connection; 0 = 5 s
	RequestTimeout time.Duration // for one call and its repetitions; 0 = 5 s

	Logger *slog.Logger
	Clock  clock.Clock   // decides what has expired; nil = the machine's
	Mirror *MirrorConfig // nil = no mirror
	// Dial opens connections; nil = the machine's own way.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// MirrorConfig names one key whose last committed value is also kept in a file of this node, so that a cluster which lost
// acknowledged data, or is another one, can be told from a sound one.
type MirrorConfig struct {
	Path string
	Key  []byte // its value is at most mirror.MaxValue bytes and has no time to live
}

func (c Config) normal() (Config, error) {
	if c.DialTimeout == 0 {
		c.DialTimeout = defaultDialTimeout
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = defaultRequestTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	return c, c.check()
}

func (c Config) check() error {
	switch {
	case len(c.Endpoints) == 0:
		return errors.New("configure store: no endpoint")
	case c.Prefix == "" || len(c.Prefix) > MaxPrefix:
		return fmt.Errorf("configure store: a prefix has 1 to %d bytes", MaxPrefix)
	case c.Space == "" || len(c.Space) > maxSpace || strings.Contains(c.Space, "/"):
		return errors.New("configure store: no usable space")
	case c.Owner == "":
		return errors.New("configure store: no owner")
	case (c.Username == "") != (c.Password == ""):
		return errors.New("configure store: a user needs a password, and a password a user")
	case c.DialTimeout < 0 || c.RequestTimeout < 0:
		return errors.New("configure store: negative time limit")
	case c.Mirror != nil && (c.Mirror.Path == "" || len(c.Mirror.Key) == 0):
		return errors.New("configure store: mirror without a path or a key")
	}
	return nil
}

// maxSpace is the greatest length of a space's name in bytes.
const maxSpace = 8

// Layout of the keys, below the prefix and a slash: <space>/d/ and the store's own keys; <space>/g the guard; <space>/t the record of
// a group (see transactions.go). <prefix>/owner is whose it is.
func (c Config) base() string { return c.Prefix + "/" + c.Space }

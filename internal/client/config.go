package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Defaults of Config.
const (
	DefaultTimeout    = 30 * time.Second
	DefaultMaxRetries = 4
)

// Config says where a listener is and how to talk to it. Only Endpoint is needed.
type Config struct {
	Endpoint   string        // https://host:port, with a path when a proxy adds one
	Token      string        // bearer token of an administrator; not together with Username
	Username   string        // HTTP Basic, for agents
	Password   string        //
	Account    *Account      // an administrator's user and password, in the token's place; nil = none
	TLS        *tls.Config   // nil: the system's trusted roots and no client certificate
	Identity   *Identity     // client certificate that can be exchanged; nil: the one in TLS, if any
	Anchors    *Anchors      // roots that may change, in the place of TLS's; nil: those
	Roots      string        // file that TLS's roots were read from, for messages; may be ""
	UserAgent  string        // default "concord"
	Timeout    time.Duration // of one attempt, 0 = DefaultTimeout
	MaxRetries int           // 0 = DefaultMaxRetries, below 0 = none
	MaxAge     time.Duration // after which connections are replaced, before a load balancer cuts them (OAM-13); 0 = when they fail
	Logger     *slog.Logger  // one debug line an attempt, without headers and bodies; nil = silent

	// Dial opens connections and DialTLS those of https, as of http.Transport's fields; nil = as usual. With either, no proxy of
	// the environment is used: it would dial in their place.
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	DialTLS func(ctx context.Context, network, address string) (net.Conn, error)

	// Wrap puts something between the client and its connections, such as proofs of each message; nil = nothing.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Client talks to one endpoint. It is safe for concurrent use and shares its connections among all its callers.
type Client struct {
	base   *url.URL
	cfg    Config
	pool   *pools
	over   http.RoundTripper // what requests go through: pool, or Wrap of it
	logger *slog.Logger

	signedIn *signedIn // nil = without an account
	writes   atomic.Uint64
}

// Writes moves whenever a request of this client that may change something begins or ends. What was read while it stood still is not
// older than anything that this client has written.
func (c *Client) Writes() uint64 { return c.writes.Load() }

// New checks cfg and makes a client. It opens no connection, so a wrong address shows at the first request.
func New(cfg Config) (*Client, error) {
	base, err := parseEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	if cfg.Token != "" && cfg.Username != "" {
		return nil, errors.New("give a token or a user name, not both")
	}
	if a := cfg.Account; a != nil {
		switch {
		case cfg.Token != "" || cfg.Username != "":
			return nil, errors.New("give a token or a user name with its password, not both")
		case a.User == "" || a.Password == "":
			return nil, errors.New("an administrator's user name and password belong together; give both")
		case base.Scheme == "http" && !loopback(base.Hostname()):
			return nil, fmt.Errorf("a password would travel unencrypted to %s; use https://", base.Host)
		}
	}
	if strings.ContainsAny(cfg.Token, " \t\r\n") {
		return nil, errors.New("the token holds white space; it is one word, without a line end")
	}
	if base.Scheme == "http" && (cfg.Token != "" || cfg.Username != "") && !loopback(base.Hostname()) {
		return nil, fmt.Errorf("a credential would travel unencrypted to %s; use https://", base.Host)
	}
	if base.Scheme == "http" && cfg.Identity != nil && cfg.Token == "" && cfg.Username == "" {
		return nil, fmt.Errorf("a client certificate is shown over TLS only; write https:// for %s", base.Host)
	}
	c := &Client{base: base, cfg: withDefaults(cfg), pool: &pools{cfg: cfg, host: base.Hostname()}, logger: loggerOr(cfg.Logger), signedIn: newSignedIn(cfg.Account)}
	c.over = c.pool
	if cfg.Wrap != nil {
		c.over = cfg.Wrap(c.pool)
	}
	return c, nil
}

// Endpoint is the address that was given, without a slash at the end.
func (c *Client) Endpoint() string { return c.base.String() }

// Close drops idle connections. Requests under way go on.
func (c *Client) Close() { c.pool.CloseIdleConnections() }

// HasBody says whether an answer may have a body (RFC 9110 section 6.4.1).
func HasBody(method string, status int) bool {
	return method != http.MethodHead && status >= http.StatusOK && status != http.StatusNoContent && status != http.StatusNotModified
}

// Path joins segments into a request path and escapes each, so that a name cannot reach another route.
func Path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

func parseEndpoint(s string) (*url.URL, error) {
	if s == "" {
		return nil, errors.New("no endpoint; give the admin address of a data center, such as https://ny.example.com:7400")
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, errors.New("the endpoint is no address; write https://host:port") // not repeated: it may hold a password
	case u.User != nil:
		return nil, errors.New("the endpoint holds a user name or password; give those apart from the address")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("the endpoint %s://%s has something behind the path; write https://host:port", u.Scheme, u.Host)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func withDefaults(cfg Config) Config {
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxRetries == 0 {
		cfg.MaxRetries = DefaultMaxRetries
	}
	cfg.MaxRetries = max(cfg.MaxRetries, 0)
	if cfg.UserAgent == "" {
		cfg.UserAgent = "concord"
	}
	return cfg
}

func loggerOr(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// newPool keeps connections for as long as a gate under load needs them: with HTTP/2 a few carry everything; without it
// 128 idle ones spare a handshake for each request.
func newPool(cfg Config) *http.Transport {
	t := cfg.TLS
	if t == nil {
		t = &tls.Config{}
	} else {
		t = t.Clone()
	}
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	pool := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     t,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
		MaxIdleConns:        256,
		MaxIdleConnsPerHost: 128,
		IdleConnTimeout:     90 * time.Second,

		MaxResponseHeaderBytes: 64 << 10,

		DisableCompression: cfg.Wrap != nil, // what is between sees each message as it is sent
	}
	if cfg.Dial != nil || cfg.DialTLS != nil {
		pool.Proxy = nil
	}
	if cfg.Dial != nil {
		pool.DialContext = cfg.Dial
	}
	pool.DialTLSContext = cfg.DialTLS
	return pool
}

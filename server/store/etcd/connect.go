package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	maxAnswer = 16 << 20 // bytes of one answer; a longer one is asked for in smaller pages

	keepAliveTime, keepAliveTimeout = 10 * time.Second, 3 * time.Second
)

// connect makes the client. With a user this asks etcd for a token, so it is repeated like any call.
func (s *Store) connect(ctx context.Context) error {
	return s.call(ctx, func(ctx context.Context, _ int) (err error) {
		limit := s.cfg.DialTimeout
		if end, ok := ctx.Deadline(); ok {
			limit = min(limit, time.Until(end))
		}
		s.client, err = s.dial(limit)
		return err
	})
}

func (s *Store) dial(limit time.Duration) (*clientv3.Client, error) {
	c := s.cfg
	return clientv3.New(clientv3.Config{
		Context: s.life, Endpoints: c.Endpoints, Username: c.Username, Password: c.Password, DialTimeout: limit,
		DialKeepAliveTime: keepAliveTime, DialKeepAliveTimeout: keepAliveTimeout, // without a call under way none is sent: etcd takes that for an attack
		MaxCallRecvMsgSize: maxAnswer, MaxUnaryRetries: 1, // repetitions are ours: they end with the time limit
		Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithTransportCredentials(noting{c.transport(), &s.links}),
			grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
				return s.links.dialed(c.reach()(ctx, "tcp", address))
			}),
		},
	})
}

// alertLimit bounds how long a member is asked why it ends connections.
const alertLimit = time.Second

// lastLink says why connections are not made. A member that refuses a client certificate ends the connection behind an alert, which
// is lost where the client has written already: so one is made that writes nothing.
func (s *Store) lastLink() error {
	why := s.links.why()
	if !errors.As(why, new(silent)) || strings.Contains(why.Error(), tlsAlert) || !s.cfg.secure() {
		return why
	}
	ctx, cancel := context.WithTimeout(s.life, alertLimit)
	defer cancel()
	for _, e := range s.cfg.Endpoints {
		if err := s.alert(ctx, strings.TrimPrefix(e, "https://")); err != nil && strings.Contains(err.Error(), tlsAlert) {
			return err
		}
	}
	return why
}

// alert reads one byte of a member.
func (s *Store) alert(ctx context.Context, address string) error {
	raw, err := s.cfg.reach()(ctx, "tcp", address)
	if err != nil {
		return err
	}
	cfg := s.cfg.tls().Clone()
	if cfg.NextProtos = []string{"h2"}; cfg.ServerName == "" {
		if cfg.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return err
		}
	}
	c := tls.Client(raw, cfg)
	defer c.Close() //nolint:errcheck // only read
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	end, _ := ctx.Deadline()
	if err := c.SetReadDeadline(end); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}

func (c Config) secure() bool { return strings.HasPrefix(c.Endpoints[0], "https://") }

func (c Config) tls() *tls.Config {
	if c.TLS == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return c.TLS
}

func (c Config) reach() func(ctx context.Context, network, address string) (net.Conn, error) {
	if c.Dial == nil {
		return new(net.Dialer).DialContext
	}
	return c.Dial
}

// transport is TLS for https endpoints.
func (c Config) transport() credentials.TransportCredentials {
	if c.secure() {
		return credentials.NewTLS(c.tls())
	}
	return insecure.NewCredentials()
}

package main

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// link is the proxies in front of peer listeners, one for each data center: what others send it passes through its own.
type link struct{ to []*testkit.Proxy }

// proxied puts a proxy in front of each peer listener. It comes before testkit.Link, which tells everybody the addresses.
func proxied(s *stage, dcs ...*testkit.DataCenter) *link {
	l := &link{}
	for _, d := range dcs {
		p := testkit.NewProxy(s, d.PeerAddress)
		d.PeerAddress = p.Address
		l.to = append(l.to, p)
	}
	return l
}

// silence cuts every link without telling anybody.
func (l *link) silence() {
	for _, p := range l.to {
		p.Silence(true, true)
	}
}

// heal mends every link.
func (l *link) heal() {
	for _, p := range l.to {
		p.Silence(false, false)
		p.Refuse(false)
	}
}

func promote(d *testkit.DataCenter, in wire.MastershipChange) (out wire.MastershipOutcome, err error) {
	_, err = d.Do(client.Request{Method: http.MethodPost, Path: "/v1/data-center/promote", In: in, Out: &out, Timeout: 90 * time.Second})
	return out, err
}

// unsent says that nobody took the call, so that the request never left.
func unsent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/blob"
	"github.com/concord-access/terraform-provider-concord/server/cluster"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/outbound"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// neighbourTime is how long another node may take to say whether it has a content.
const neighbourTime = 5 * time.Second

// neighbours are the other nodes of this data center, asked over their peer listeners for what lies in their data directories.
type neighbours struct {
	members *cluster.Members
	trust   *trust.Store
	dialer  *outbound.Dialer
	label   label
	logger  *slog.Logger
}

// neighbourPrefix begins the source of a content that is a node, not a data center: those names have no slash.
const neighbourPrefix = "node/"

// names gives the nodes that are alive and can be asked.
func (s *neighbours) names(ctx context.Context) (out []string, err error) {
	nodes, err := s.members.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if n.ID != s.members.Self().ID && n.State != cluster.Leaving && n.Peer != "" {
			out = append(out, n.Name)
		}
	}
	return out, nil
}

// sources gives them as those of contents.
func (s *neighbours) sources(ctx context.Context) (out []string, err error) {
	names, err := s.names(ctx)
	for _, name := range names {
		out = append(out, neighbourPrefix+name)
	}
	return out, err
}

// stream asks one of them. Its connection ends with the answer.
func (s *neighbours) stream(ctx context.Context, source, sha256 string, header http.Header) (*http.Response, error) {
	c, err := s.client(ctx, strings.TrimPrefix(source, neighbourPrefix))
	if err != nil {
		return nil, err
	}
	res, err := c.Stream(ctx, client.Request{Method: http.MethodGet, Path: client.Path("peer", "v1", "neighbours", "blobs", sha256), Header: s.label.on(header)})
	if err != nil {
		c.Close()
		return nil, err
	}
	res.Body = closing{res.Body, c.Close}
	return res, nil
}

// closing is a body whose end closes what it came over.
type closing struct {
	io.ReadCloser
	then func()
}

// Close ends both.
func (c closing) Close() error {
	defer c.then()
	return c.ReadCloser.Close()
}

func (s *neighbours) client(ctx context.Context, node string) (*client.Client, error) {
	nodes, err := s.members.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if !mdc.SameName(n.Name, node) {
			continue
		}
		at, err := url.Parse(n.Peer)
		if err != nil || at.Scheme != "https" { // in mode open nobody proves to be a node
			return nil, fmt.Errorf("the node %s has no peer listener with TLS", node)
		}
		return client.New(client.Config{Endpoint: n.Peer, TLS: s.trust.NeighbourTLS(n.Name), Dial: s.dialer.DialContext, UserAgent: "concord-peer",
			Timeout: neighbourTime, MaxRetries: -1, Logger: s.logger})
	}
	return nil, fmt.Errorf("the node %s is not alive any more", node)
}

// size says how long a content is at a node that has it.
func (s *neighbours) size(ctx context.Context, source, sha256 string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, neighbourTime)
	defer cancel()
	res, err := s.stream(ctx, source, sha256, http.Header{"Range": {"bytes=0-0"}})
	if err != nil {
		return 0, err
	}
	defer res.Body.Close() //nolint:errcheck // it is one byte that nobody reads
	var size int64
	if _, err := fmt.Sscanf(res.Header.Get("Content-Range"), "bytes 0-0/%d", &size); err != nil {
		return 0, fmt.Errorf("ask %s for a content: its Content-Range cannot be read", source)
	}
	return size, nil
}

// contentSources gives whom to ask for the content of a package: nodes of this data center first.
func (n *Node) contentSources(ctx context.Context) ([]string, error) {
	partners, err := n.feed.Counterparts(ctx)
	if err != nil || !n.shared() {
		return partners, err
	}
	near, err := n.neighbours.sources(ctx)
	return append(near, partners...), err
}

// bring fetches a content from another node, for a package that is about to be declared here: a load balancer sends the upload to one
// node and the package to another. Where none has it nothing happens.
func (n *Node) bring(ctx context.Context, sha256 string) error {
	sources, err := n.neighbours.sources(ctx)
	if err != nil {
		return err
	}
	for _, source := range sources {
		size, err := n.neighbours.size(ctx, source, sha256)
		if err == nil {
			err = n.fetcher.Bring(ctx, source, sha256, size)
		}
		if err == nil {
			return nil
		}
		if fault.CodeOf(err) == blob.CodeUnderWay {
			return err // and then it is here
		}
		if !fault.Is(err, fault.NotFound) {
			n.log.Warn("another node cannot be asked for a content", "source", source, "sha256", sha256, "error", err)
		}
	}
	return ctx.Err()
}

// absent is the refusal of a package whose content is not here. Before it counts, other nodes are asked.
func (n *Node) absent(p *mdc.Package) error {
	err := fault.New(fault.Conflict, "blob_missing", "The content of the package %q is not in this data center. Upload it first: PUT /v1/blobs/%s.", p.Name, p.SHA256)
	if !n.shared() {
		return err
	}
	return &configuration.Wanting{Key: "blob " + p.SHA256, Err: err, Do: func(ctx context.Context) error { return n.bring(ctx, p.SHA256) }}
}

// aloneInOpen refuses several nodes in mode open: each remembers by itself which messages it took, so one that was read along could be
// said once more to another node (SEC-40).
func (n *Node) aloneInOpen(others []string) error {
	if len(others) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "open_needs_one_node", "Security mode open is for a data center of one node, and %s of this one %s alive: each node knows only by itself which messages it has taken, so one could be repeated at another. Stop the other nodes, which are forgotten 15 seconds after a kill, or use mode cert or simple.",
		strings.Join(others, ", "), plural(len(others)))
}

func plural(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// lonely is aloneInOpen for a node that starts.
func (n *Node) lonely(ctx context.Context) error {
	if !n.shared() {
		return nil
	}
	open := false
	err := n.journal.View(ctx, func(s *journal.Snapshot) error {
		d, err := s.DataCenter()
		open = err == nil && d.SecurityMode == mdc.ModeOpen
		return err
	})
	if err != nil || !open {
		return err
	}
	others, err := cluster.Alive(ctx, n.state, n.members.Self().ID)
	if err != nil {
		return err
	}
	if err = n.aloneInOpen(others); err != nil {
		err = errors.Join(err, n.members.Leave(ctx))
	}
	return err
}

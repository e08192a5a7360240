package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/blob"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func (n *Node) wireBlobs(context.Context) (err error) {
	n.fetcher, err = blob.NewFetcher(blob.FetchConfig{Store: n.blobs, Wanted: n.model.blobs, Sources: n.contentSources,
		Ask:   blobSources{replicationSources{n.links, n.identities.Secret}, n.feed.Subscription, n.neighbours}.ask,
		Clock: n.opts.Clock, Logger: n.log})
	return err
}

// collect removes the contents that no package refers to any more.
func (n *Node) collect(ctx context.Context) error {
	return n.blobs.RunCollection(ctx, func(ctx context.Context) (map[string]int64, error) {
		// A clone that waits for its copy knows of no package, and may hold what others still want from it.
		if ok, why, err := n.follower.Ready(ctx); err != nil || !ok {
			return nil, cmp.Or(err, errors.New("it is not known what packages there are: "+why))
		}
		return n.model.blobs(ctx)
	})
}

// contentIsHere refuses a package whose content was not uploaded to this data center first: others fetch it from here.
func (n *Node) contentIsHere(_ *journal.Tx, _, will mdc.Object) error {
	p, ok := will.(*mdc.Package)
	if !ok || p == nil {
		return nil
	}
	b, found, err := n.blobs.Claim(p.SHA256)
	switch {
	case err != nil:
		return err
	case !found:
		return n.absent(p)
	}
	var wrong []fault.Field
	if p.Size != b.Size {
		wrong = append(wrong, fault.Field{Pointer: "/size", Detail: fmt.Sprintf("the content has %d bytes", b.Size)})
	}
	if p.Format != b.Format && p.Format != mdc.FormatRaw {
		wrong = append(wrong, fault.Field{Pointer: "/format", Detail: fmt.Sprintf("the content is %s; raw is right for whatever shall not be called by its format", b.Format)})
	}
	return fault.InvalidFields("The package cannot be accepted.", wrong)
}

// blobSources asks for blobs: other data centers over the links, its master under the identity of their agreement (OAM-50), and other nodes.
type blobSources struct {
	replicationSources
	subscription func(ctx context.Context, source string) (agreement string, err error) // "" = source is no master of this one
	neighbours   *neighbours
}

func (s blobSources) ask(ctx context.Context, source, sha256 string, from int64) (io.ReadCloser, int64, error) {
	header := http.Header{"Range": {fmt.Sprintf("bytes=%d-", from)}, "Accept": {"application/octet-stream, application/problem+json"}}
	var res *http.Response
	var err error
	if strings.HasPrefix(source, neighbourPrefix) {
		res, err = s.neighbours.stream(ctx, source, sha256, header)
	} else {
		res, err = s.stream(ctx, source, sha256, header)
	}
	if err != nil {
		return nil, 0, err
	}
	start := int64(0)
	if res.StatusCode == http.StatusPartialContent {
		if _, err := fmt.Sscanf(res.Header.Get("Content-Range"), "bytes %d-", &start); err != nil {
			_ = res.Body.Close() // the answer cannot be used
			return nil, 0, fmt.Errorf("read blob of %s: its Content-Range cannot be read", source)
		}
	}
	return res.Body, start, nil
}

func (s blobSources) stream(ctx context.Context, source, sha256 string, header http.Header) (*http.Response, error) {
	agreement, err := s.subscription(ctx, source)
	if err != nil {
		return nil, err
	}
	shown, err := s.shown(ctx, agreement)
	if err != nil {
		return nil, err
	}
	maps.Copy(header, shown)
	return s.links.stream(ctx, source, client.Request{Method: http.MethodGet, Path: client.Path("peer", "v1", "blobs", sha256), Header: header})
}

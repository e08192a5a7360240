package app

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
)

// replicationSources asks masters over the links, under the identity of the agreement that it asks for (OAM-50).
type replicationSources struct {
	links  *links
	secret func(ctx context.Context, agreement string) ([]byte, error) // nil = there is none
}

// shown is the header by which a question shows the agreement's credential; none for no agreement.
func (s replicationSources) shown(ctx context.Context, agreement string) (http.Header, error) {
	if agreement == "" {
		return http.Header{}, nil
	}
	secret, err := s.secret(ctx, agreement)
	if err != nil || secret == nil {
		return http.Header{}, err
	}
	return http.Header{"Authorization": {wire.SchemeReplication + " " + agreement + ":" + base64.RawURLEncoding.EncodeToString(secret)}}, nil
}

var _ replication.Sources = replicationSources{}

// Journal asks what follows a position. The follower's context says how long the answer may take.
func (s replicationSources) Journal(ctx context.Context, source, agreement string, at mdc.Position, wait time.Duration) (replication.Page, error) {
	return s.page(ctx, source, journalQuery(agreement, at, wait))
}

// Ahead asks what follows a position that is not in force here yet.
func (s replicationSources) Ahead(ctx context.Context, source, agreement string, at mdc.Position) (replication.Page, error) {
	q := journalQuery(agreement, at, 0)
	q.Set("ahead", "true")
	return s.page(ctx, source, q)
}

func journalQuery(agreement string, at mdc.Position, wait time.Duration) url.Values {
	return url.Values{"agreement": {agreement}, "after": {strconv.FormatUint(at.Sequence, 10)}, "epoch": {strconv.FormatUint(at.Epoch.Number, 10)},
		"epoch_holder": {at.Epoch.ClusterID}, "digest": {at.Digest}, "wait": {wait.String()}}
}

func (s replicationSources) page(ctx context.Context, source string, q url.Values) (replication.Page, error) {
	header, err := s.shown(ctx, q.Get("agreement"))
	if err != nil {
		return replication.Page{}, err
	}
	header.Set("Accept", wire.JournalPageType+", application/json, "+wire.ProblemType)
	var raw client.Raw
	err = s.links.do(ctx, source, client.Request{Method: http.MethodGet, Path: "/peer/v1/replication/journal", Header: header, Query: q, Out: &raw, Timeout: -1})
	if err != nil {
		return replication.Page{}, err
	}
	var out wire.JournalPage
	binary := raw.Type == wire.JournalPageType
	if binary {
		out, err = wire.ReadJournalPage(raw.Body)
	} else {
		err = json.Unmarshal(raw.Body, &out)
	}
	if err != nil {
		return replication.Page{}, fmt.Errorf("read journal of %s: %w", source, err)
	}
	page := replication.Page{Latest: out.Latest, SnapshotFrom: out.SnapshotFrom, Rewritten: out.Rewritten, Ahead: binary, Records: make([]replication.Entry, 0, len(out.Records))}
	for _, r := range out.Records {
		page.Records = append(page.Records, replication.Entry{Sealed: r.Sealed, Record: journal.Record{Sequence: r.Sequence,
			Epoch: mdc.Epoch{Number: r.Epoch, ClusterID: r.EpochHolder}, Time: r.Time, Actor: r.Actor, Kind: r.Kind, Name: r.Name,
			Operation: r.Operation, Body: r.Body, Digest: r.Digest}})
	}
	return page, nil
}

// Snapshot reads a whole copy, object by object. The follower ends the context of one that has fallen silent.
func (s replicationSources) Snapshot(ctx context.Context, source, agreement string, begin func(mdc.Position) error, item func(replication.Item) error) (uint64, error) {
	header, err := s.shown(ctx, agreement)
	if err != nil {
		return 0, err
	}
	header.Set("Accept", wire.SnapshotType+", application/x-ndjson, "+wire.ProblemType)
	header.Set("Accept-Encoding", "zstd, gzip")
	res, err := s.links.stream(ctx, source, client.Request{Method: http.MethodGet, Path: "/peer/v1/replication/snapshot", Header: header, Query: url.Values{"agreement": {agreement}}})
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	lines, err := newSnapshotLines(res)
	if err != nil {
		return 0, fmt.Errorf("read snapshot of %s: %w", source, err)
	}
	defer lines.close()
	for begun := false; ; {
		l, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return 0, fmt.Errorf("read snapshot of %s: it broke off", source)
		case err != nil:
			return 0, fmt.Errorf("read snapshot of %s: %w", source, err)
		case l.Begin != nil && !begun:
			begun = true
			err = begin(mdc.Position{Epoch: mdc.Epoch{Number: l.Begin.Epoch, ClusterID: l.Begin.EpochHolder}, Sequence: l.Begin.Sequence, Digest: l.Begin.Digest})
		case !begun || l.Begin != nil:
			return 0, fmt.Errorf("read snapshot of %s: it does not begin where it should", source)
		case l.End != nil:
			return l.End.Objects, nil
		default:
			err = item(replication.Item{Item: journal.Item{Kind: l.Kind, Name: l.Name, Body: l.Body}, Sealed: l.Sealed})
		}
		if err != nil {
			return 0, err
		}
	}
}

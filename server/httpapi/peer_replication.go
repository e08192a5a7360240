package httpapi

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
)

// replica is who asks for an agreement's journal, copy, digests or objects: what the certificate proves, and the credential of
// the agreement's identity where one is shown (OAM-50). One that is for another agreement, or cannot be read, is refused.
func (c *call) replica(agreement string) (replication.Caller, error) {
	by, of, err := c.counterpart()
	if err != nil || by.Secret != nil && of != agreement {
		return replication.Caller{ClusterID: by.ClusterID}, replication.WrongIdentity(agreement)
	}
	return by, nil
}

// counterpart is replica for a question that is not about one agreement: it also says whose credential is shown.
func (c *call) counterpart() (by replication.Caller, agreement string, err error) {
	by = replication.Caller{ClusterID: c.partner()}
	sent := c.Request.Header.Values("Authorization")
	if len(sent) == 0 {
		return by, "", nil
	}
	shown, ok := strings.CutPrefix(sent[0], wire.SchemeReplication+" ")
	colon := strings.LastIndexByte(shown, ':')
	if !ok || colon < 0 || len(sent) > 1 {
		return by, "", replication.WrongIdentity("")
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(shown[colon+1:])
	if err != nil || len(secret) == 0 || len(secret) > 64 {
		return by, "", replication.WrongIdentity(shown[:colon])
	}
	by.Secret = secret
	return by, shown[:colon], nil
}

// peerJournal answers a clone's long poll. The clone's position is in the query, so that the poll acknowledges it; with
// ahead=true it is one that the clone does not have yet, and nothing is acknowledged or waited for.
func (s *Server) peerJournal(c *call) error {
	var faults []fault.Field
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(c.Query(name), 10, 64)
		if err != nil {
			faults = append(faults, fault.Field{Pointer: "/" + name, Detail: "must be a number"})
		}
		return n
	}
	at := mdc.Position{Epoch: mdc.Epoch{Number: number("epoch"), ClusterID: c.Query("epoch_holder")}, Sequence: number("after"), Digest: c.Query("digest")}
	wait, err := time.ParseDuration(c.Query("wait"))
	if err != nil {
		faults = append(faults, fault.Field{Pointer: "/wait", Detail: "must be a duration"})
	}
	if err := fault.InvalidFields("The query cannot be accepted.", faults); err != nil {
		return err
	}
	by, err := c.replica(c.Query("agreement"))
	if err != nil {
		return err
	}
	var page replication.Page
	if c.Query("ahead") == "true" {
		page, err = s.c.Feed.Ahead(c.Request.Context(), by, c.Query("agreement"), at)
	} else {
		page, err = s.pollJournal(c, by, at, wait)
	}
	if err != nil {
		return err
	}
	out := wire.JournalPage{Records: make([]wire.JournalRecord, 0, len(page.Records)), Latest: page.Latest, SnapshotFrom: page.SnapshotFrom, Rewritten: page.Rewritten}
	for _, e := range page.Records {
		out.Records = append(out.Records, wire.JournalRecord{Sequence: e.Sequence, Epoch: e.Epoch.Number, EpochHolder: e.Epoch.ClusterID, Time: e.Time,
			Actor: e.Actor, Kind: e.Kind, Name: e.Name, Operation: e.Operation, Body: e.Body, Sealed: e.Sealed, Digest: e.Digest})
	}
	return c.answerPage(out)
}

// answerPage answers in the binary form where the caller reads it. That it does also says that it may ask ahead.
func (c *call) answerPage(p wire.JournalPage) error {
	if !strings.Contains(c.GetHeader("Accept"), wire.JournalPageType) {
		return c.answer(p)
	}
	b, err := wire.AppendJournalPage(nil, p)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	c.Data(http.StatusOK, wire.JournalPageType, b)
	return nil
}

// trustInterval is how long a question may wait before it is asked whether its partner is still trusted.
const trustInterval = 2 * time.Second

// pollJournal waits for news. A partner that loses our trust meanwhile gets none of them, and is told soon (SEC-43, FLT-22).
func (s *Server) pollJournal(c *call, by replication.Caller, at mdc.Position, wait time.Duration) (page replication.Page, err error) {
	end := time.Now().Add(min(wait, replication.MaxWait))
	for {
		asked, left := time.Now(), time.Until(end)
		if page, err = s.c.Feed.Journal(c.Request.Context(), by, c.Query("agreement"), at, min(left, trustInterval)); err != nil {
			return page, err
		}
		if err := s.stillPartner(c); err != nil {
			return page, err
		}
		early := time.Since(asked) < trustInterval // there is news, the time is over, or the node is stopping
		if early || len(page.Records) > 0 || page.SnapshotFrom != "" {
			return page, nil
		}
	}
}

// stillPartner checks the caller under the trust and the mode of this moment, for answers that took a while.
func (s *Server) stillPartner(c *call) error {
	_, err := s.caller(c.Request)
	if err != nil {
		c.Header("Connection", "close")
	}
	return err
}

// trustedFor is how long a snapshot goes on after the caller's trust was seen. To look at every object costs more than to
// send it.
const trustedFor = 250 * time.Millisecond

// peerSnapshot streams every replicated object, compressed where the caller takes that. A failure in the middle breaks the
// connection: the clone misses the last line and starts again.
func (s *Server) peerSnapshot(c *call) error {
	by, err := c.replica(c.Query("agreement"))
	if err != nil {
		return err
	}
	lines := newSnapshotLines(c)
	seen := time.Now()
	n, err := s.c.Feed.Snapshot(c.Request.Context(), by, c.Query("agreement"),
		func(p mdc.Position) error {
			lines.begin(c)
			return lines.write(wire.SnapshotLine{Begin: &wire.SnapshotBegin{Epoch: p.Epoch.Number, EpochHolder: p.Epoch.ClusterID, Sequence: p.Sequence, Digest: p.Digest}})
		},
		func(i replication.Item) error {
			if time.Since(seen) > trustedFor {
				if err := s.stillPartner(c); err != nil {
					return err
				}
				seen = time.Now()
			}
			return lines.write(wire.SnapshotLine{Kind: i.Kind, Name: i.Name, Body: i.Body, Sealed: i.Sealed})
		})
	if err != nil {
		if c.Writer.Written() {
			c.logger().Warn("snapshot broken off", "partner", c.partner(), "error", err)
			panic(http.ErrAbortHandler) // the only way to tell the clone that this is not the end
		}
		return err
	}
	if err := lines.write(wire.SnapshotLine{End: &wire.SnapshotEnd{Objects: n}}); err != nil {
		return nil //nolint:nilerr // the clone is gone; it asks again
	}
	_ = lines.close() // the same: a clone that is gone asks again
	return nil
}

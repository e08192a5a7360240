package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// Times that these verbs wait: the server bounds its own work below them.
const (
	pullTime   = 30 * time.Second
	verifyTime = 3 * time.Minute
)

func (p *program) replicationVerbs(t *target) []*cobra.Command {
	return []*cobra.Command{p.replicationStatus(t), p.replicationAgreements(t), p.replicationPull(t), p.replicationVerify(t)}
}

func (p *program) replicationStatus(t *target) *cobra.Command {
	return &cobra.Command{Use: "status", Short: "Show how every agreement stands, with a verdict", Args: usageArgs(cobra.NoArgs),
		Long: "Shows the agreements that the data center is a side of. Exit code 3 says that one of them is not\n" +
			"healthy.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			var v wire.ReplicationStatus
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/replication/status", Out: &v}); err != nil {
				return err
			}
			if err := p.printReplication(v, t.output); err != nil || v.Healthy {
				return err
			}
			return checkError{v.ID + ": replication is not healthy"}
		})}
}

func (p *program) printReplication(v wire.ReplicationStatus, output string) error {
	if output == "json" {
		return p.json(v)
	}
	err := p.tables(
		section{[]string{"DATA CENTER", "ROLE", "EPOCH", "SEQUENCE", "DIGEST", "BLOBS MISSING", "HEALTHY"},
			[][]string{{v.ID, v.Role, number(v.Epoch), number(v.Sequence), short(v.Digest), strconv.Itoa(v.Missing), yesNo(v.Healthy)}}},
		section{statusHead(), statusRows(v.Agreements)})
	if err != nil {
		return err
	}
	return p.notes(append([]note{aboutAll(v)}, aboutEach(v.Agreements)...)...)
}

// aboutAll is what is to be said of a data center's replication as a whole.
func aboutAll(v wire.ReplicationStatus) note {
	n := note{subject: v.ID}
	if v.Majority != "" {
		n.lines = append(n.lines, line{"majority", v.Majority})
	}
	if v.Reason != "" {
		n.lines = append(n.lines, line{"reason", v.Reason})
	}
	return n
}

// aboutEach is what is to be said of each agreement: why it stands so, and its last error unless that is over.
func aboutEach(all []wire.AgreementStatus) []note {
	notes := make([]note, len(all))
	for i, a := range all {
		n := note{subject: a.Name + " (" + a.Identifier + ")", lines: []line{{"reason", or(a.Reason)}, {"last success", moment(a.LastSuccess)}}}
		if over := a.Healthy && a.LastErrorAt != nil && a.LastSuccess != nil && a.LastErrorAt.Before(*a.LastSuccess); a.LastError != "" && !over {
			n.lines = append(n.lines, line{"last error", moment(a.LastErrorAt) + " " + a.LastError})
		}
		notes[i] = n
	}
	return notes
}

func statusHead() []string {
	return []string{"AGREEMENT", "SIDE", "FROM", "TO", "STATE", "HAS", "OF", "BEHIND", "DIGEST", "CLOCK", "HEALTHY"}
}

func statusRows(all []wire.AgreementStatus) [][]string {
	rows := make([][]string, len(all))
	for i, a := range all {
		digest, clock := "-", "-"
		if a.DigestEqual != nil {
			digest = map[bool]string{true: "equal", false: "differs"}[*a.DigestEqual]
		}
		if a.ClockSkew != nil {
			clock = fmt.Sprintf("%+.3fs", *a.ClockSkew)
		}
		has, behind := "-", "-"
		if a.LagSeconds != nil {
			has, behind = number(a.AppliedSequence), fmt.Sprintf("%d, %.1fs", a.LagEntries, *a.LagSeconds)
		}
		rows[i] = []string{a.Name, a.Side, a.Source, a.Target, a.State, has, number(a.LatestSequence), behind, digest, clock, yesNo(a.Healthy)}
	}
	return rows
}

func (p *program) replicationAgreements(t *target) *cobra.Command {
	var side string
	c := &cobra.Command{Use: "agreements", Short: "List the agreements with their identifiers", Args: usageArgs(cobra.NoArgs),
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			query := url.Values{}
			if side != "" {
				query.Set("type", side)
			}
			all, err := client.All[wire.AgreementView](ctx, conn.Client, "/v1/replication/agreements", query)
			if err != nil {
				return err
			}
			if t.output == "json" {
				return p.json(append([]wire.AgreementView{}, all...))
			}
			rows := make([][]string, len(all))
			for i, a := range all {
				rows[i] = []string{a.Identifier, a.Name, a.Side, a.Source, a.Target, a.State, yesNo(a.Follow != nil && *a.Follow), yesNo(a.WaitForSync), number(a.LagEntries)}
			}
			return p.table([]string{"IDENTIFIER", "AGREEMENT", "SIDE", "FROM", "TO", "STATE", "FOLLOW", "WAIT FOR SYNC", "BEHIND"}, rows)
		})}
	c.Flags().StringVar(&side, "type", "", "only those of this `SIDE`: master or clone")
	return c
}

func (p *program) replicationPull(t *target) *cobra.Command {
	return &cobra.Command{Use: "pull NAME|IDENTIFIER", Short: "Make the clone ask its master now", Args: oneAgreement(),
		Long: "Asks at once instead of waiting, also when the agreement is stopped; from either side. Exit code 3\n" +
			"says that the clone is not healthy after that.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			id, err := conn.agreement(ctx, args)
			if err != nil {
				return err
			}
			var v wire.AgreementStatus
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path("v1", "replication", "agreements", id, "pull"), Out: &v, Timeout: pullTime}); err != nil {
				return err
			}
			if err := p.printPull(v, t.output); err != nil || v.Healthy {
				return err
			}
			return checkError{v.Target + " does not follow " + v.Source + ": " + or(v.LastError)}
		})}
}

func (p *program) printPull(v wire.AgreementStatus, output string) error {
	if output == "json" {
		return p.json(v)
	}
	all := []wire.AgreementStatus{v}
	if err := p.table(statusHead(), statusRows(all)); err != nil {
		return err
	}
	return p.notes(aboutEach(all)...)
}

func (p *program) replicationVerify(t *target) *cobra.Command {
	var repair bool
	c := &cobra.Command{Use: "verify NAME|IDENTIFIER", Short: "Compare a clone's objects with its master's", Args: oneAgreement(),
		Long: "Compares every object by its digest, from either side, and names the first of each kind that\n" +
			"differs. With --repair the clone fetches exactly what differs, and what was changed on a clone\n" +
			"that is open for writes is discarded; it is kept as a conflict file first. Exit code 3 says that\n" +
			"they differ.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			id, err := conn.agreement(ctx, args)
			if err != nil {
				return err
			}
			query := url.Values{}
			if repair {
				query.Set("repair", "true")
			}
			var v wire.Verification
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: client.Path("v1", "replication", "agreements", id, "verify"), Query: query, Out: &v, Timeout: verifyTime}); err != nil {
				return err
			}
			if err := p.printVerification(v, t.output); err != nil || v.Equal {
				return err
			}
			return checkError{"the clone differs from its master; --repair fetches what differs, and discards what was changed on an open clone, which is kept as a conflict file first"}
		})}
	c.Flags().BoolVar(&repair, "repair", false, "fetch what differs; discard changes of the clone (kept as a conflict file)")
	return c
}

func (p *program) printVerification(v wire.Verification, output string) error {
	if output == "json" {
		return p.json(v)
	}
	rows := make([][]string, len(v.Kinds))
	for i, k := range v.Kinds {
		rows[i] = []string{k.Kind, number(k.Objects), yesNo(k.Equal), number(k.Differing), or(k.FirstDifference)}
	}
	return p.tables(
		section{[]string{"AGREEMENT", "EQUAL", "SEQUENCE", "DIGEST", "REPAIRED"}, [][]string{{v.ID, yesNo(v.Equal), number(v.Sequence), short(v.Digest), number(v.Repaired)}}},
		section{[]string{"KIND", "OBJECTS", "EQUAL", "DIFFERING", "FIRST"}, rows})
}

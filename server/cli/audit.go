package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/app"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

const (
	auditPath = "/v1/audit-events"
	formLines = "jsonl" // one record a line
)

func (p *program) audit() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use: "audit", Short: "Read, export and verify the audit", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	t.register(c)
	c.PersistentFlags().Lookup("output").Usage = "`FORM`: table or json; list: jsonl"
	c.AddCommand(p.auditList(&t), p.auditExport(&t), p.auditVerify(&t))
	return c
}

// auditFilter chooses records.
type auditFilter struct {
	from, to, actor, action, object, user, signOn, agent, outcome, request, center string
	everywhere, oldest                                                             bool
}

func (f *auditFilter) register(c *cobra.Command) {
	s := c.Flags()
	s.StringVar(&f.from, "from", "", "only from this `TIME` on, such as 2026-01-31T09:00:00Z")
	s.StringVar(&f.to, "to", "", "only before this `TIME`")
	s.StringVar(&f.actor, "actor", "", "only by this `ACTOR`, such as token:bootstrap")
	s.StringVar(&f.action, "action", "", "only this `ACTION`, such as put or sign_in")
	s.StringVar(&f.object, "object", "", "only about this `KIND` or KIND/NAME")
	s.StringVar(&f.user, "user", "", "only about sign-ons of this `NAME`")
	s.StringVar(&f.signOn, "sign-on", "", "only about the sign-in with this `ID`")
	s.StringVar(&f.agent, "agent", "", "only what this `AGENT` asked for")
	s.StringVar(&f.outcome, "outcome", "", "only `OUTCOME` ok or refused")
	s.StringVar(&f.request, "request-id", "", "only what came of the request with this `ID`")
	s.StringVar(&f.center, "data-center", "", "only of this `CLUSTER-ID`; asks the partners, as --all does")
	s.BoolVar(&f.everywhere, "all", false, "also of the partners, in the order of time")
}

// all tells whether partners are asked too: who names another data center wants its records.
func (f *auditFilter) all() bool { return f.everywhere || f.center != "" }

func (f *auditFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"from": f.from, "to": f.to, "actor": f.actor, "action": f.action, "object": f.object, "user": f.user, "sso_id": f.signOn,
		"agent": f.agent, "outcome": f.outcome, "request_id": f.request, "data_center": f.center} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.all() {
		q.Set("scope", "all")
	}
	if f.oldest {
		q.Set("order", "oldest")
	}
	return q
}

func (p *program) auditList(t *target) *cobra.Command {
	var f auditFilter
	var limit int
	var follow bool
	c := &cobra.Command{
		Use: "list", Short: "List records, the newest first", Args: noArgs,
		Long: "Lists what administrators did at the data center, and what happened to people's sign-ons there.\n" +
			"The table shows the beginning of long texts; -o json and -o jsonl show everything.",
		RunE: func(c *cobra.Command, args []string) error {
			asked := *t
			form := asked.output
			if form == formLines {
				asked.output = "json"
			}
			if limit < 1 {
				return usage("--limit %d is no number of records", limit)
			}
			return p.with(&asked, func(ctx context.Context, conn *connection, _ []string) error {
				if follow {
					return p.followAudit(ctx, conn, f, limit, form)
				}
				all, silent, err := auditRecords(ctx, conn, f.query(), limit)
				if err != nil {
					return err
				}
				if err := p.printAudit(all, f.all(), form); err != nil {
					return err
				}
				return incomplete(silent)
			})(c, args)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&f.oldest, "oldest", false, "the oldest first")
	c.Flags().IntVar(&limit, "limit", 100, "`NUMBER` of records at most")
	c.Flags().BoolVar(&follow, "follow", false, "go on with new records until interrupted")
	return c
}

// auditRecords reads so many records, page by page.
func auditRecords(ctx context.Context, conn *connection, query url.Values, limit int) (all []wire.AuditEvent, silent string, err error) {
	for {
		query.Set("limit", strconv.Itoa(min(limit-len(all), 1000)))
		var page wire.AuditPage
		if _, err := conn.Do(ctx, client.Request{Method: http.MethodGet, Path: auditPath, Query: query, Out: &page}); err != nil {
			return nil, "", err
		}
		all = append(all, page.Items...)
		if silent == "" {
			silent = strings.Join(page.Silent, ", ")
		}
		if page.NextCursor == "" || len(all) >= limit {
			return all, silent, nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

// incomplete says that the answer lacks data centers.
func incomplete(silent string) error {
	if silent == "" {
		return nil
	}
	return checkError{"incomplete: " + strings.Map(printable, silent) + " did not answer. Is it up, and does its partner profile allow management?"}
}

func (p *program) auditExport(t *target) *cobra.Command {
	var f auditFilter
	var file string
	c := &cobra.Command{
		Use: "export", Short: "Write records as JSON lines, the oldest first", Args: noArgs,
		Long: "Writes every record that fits, one a line, to standard output or to a new file. A file that is\n" +
			"kept elsewhere shows later whether the data center's own audit was changed.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
			f.oldest = true
			query := f.query()
			query.Set("format", formLines)
			res, err := conn.Stream(ctx, client.Request{Method: http.MethodGet, Path: auditPath, Query: query})
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if err := p.export(res.Body, file); err != nil {
				return err
			}
			return incomplete(res.Header.Get(wire.HeaderSilent))
		}),
	}
	f.register(c)
	c.Flags().StringVar(&file, "file", "", "a new `FILE` to write; others may not read it")
	return c
}

func (p *program) export(from io.Reader, file string) error {
	if file == "" {
		if _, err := io.Copy(p.stdout, from); err != nil {
			return fmt.Errorf("the export is not complete: %w", err)
		}
		return nil
	}
	return writeNew(file, from)
}

func (p *program) auditVerify(t *target) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "verify", Short: "Check that no record was changed or is missing", Args: noArgs,
		Long: "Follows the chains of records and names the first one that does not fit. --config reads the data\n" +
			"of a node that is stopped, instead of asking a data center. Exit code 3 says that a chain is broken.",
		RunE: func(c *cobra.Command, args []string) error {
			if file == "" {
				return p.with(t, func(ctx context.Context, conn *connection, _ []string) error {
					var v wire.AuditVerification
					if _, err := conn.Do(ctx, client.Request{Method: http.MethodGet, Path: auditPath + "/verify", Out: &v, Timeout: verifyAuditTime}); err != nil {
						return err
					}
					return p.printChains(v, t.output)
				})(c, args)
			}
			n, err := config.Load(file)
			if err != nil {
				return err
			}
			private()
			v, err := app.VerifyAudit(c.Context(), n, app.Options{Version: Version, Clock: clock.System{}})
			if err != nil {
				return err
			}
			return p.printChains(v, t.output)
		},
	}
	c.Flags().StringVar(&file, "config", "", "configuration `FILE` of a node that is stopped")
	return c
}

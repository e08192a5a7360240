package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

func (p *program) policy() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use: "policy", Short: "Try who may do what, and see which rule decides", Args: noSuchVerb, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	t.register(c)
	c.AddCommand(p.policyTest(&t))
	return c
}

// trial is a request that nobody makes, as flags say it.
type trial struct {
	user, as, signIn, method, client, at, file, expect string
	groups, attributes                                 []string
	level                                              int
}

func (p *program) policyTest(t *target) *cobra.Command {
	var f trial
	c := &cobra.Command{
		Use: "test URL", Short: "What a request would get, rule by rule", Args: usageArgs(cobra.ExactArgs(1)),
		Example: "  concord policy test https://shop.example/orders --user ann\n" +
			"  concord policy test https://shop.example/ --as eve --group staff --expect deny",
		Long: "Decides as a data center does for its agents, and changes nothing. --user is somebody of the local\n" +
			"identity store; --as is anybody, with --group and --attribute; without both nobody is signed in.\n" +
			"--policy FILE tries a policy that is not saved, in JSON as the API takes it, in the place of the one\n" +
			"of its name. With --expect the exit code is 3 where the decision is another one.",
		RunE: p.with(t, func(ctx context.Context, conn *connection, args []string) error {
			in, err := f.question(args[0])
			if err != nil {
				return err
			}
			var v wire.PolicyVerdict
			if _, err := conn.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/policies/evaluate", In: in, Out: &v}); err != nil {
				return err
			}
			if err := p.printVerdict(v, t.output); err != nil {
				return err
			}
			if f.expect != "" && v.Decision != f.expect {
				return checkError{fmt.Sprintf("the decision is %s and not %s: %s", v.Decision, f.expect, v.Reason)}
			}
			return nil
		}),
	}
	f.register(c)
	return c
}

func (f *trial) register(c *cobra.Command) {
	l := c.Flags()
	l.StringVar(&f.user, "user", "", "a `NAME` of the local identity store")
	l.StringVar(&f.as, "as", "", "anybody's `NAME`, in the place of --user")
	l.StringSliceVar(&f.groups, "group", nil, "with --as: a `GROUP` of theirs; may be repeated")
	l.StringArrayVar(&f.attributes, "attribute", nil, "with --as: `NAME=VALUE`; may be repeated")
	l.IntVar(&f.level, "level", 0, "authentication `LEVEL` (default 1)")
	l.StringVar(&f.signIn, "sign-in", "", "authentication `SCHEME` that they used, for its level")
	l.StringVar(&f.method, "method", http.MethodGet, "`METHOD` of the request")
	l.StringVar(&f.client, "client", "", "the client's `ADDRESS`; not known without it")
	l.StringVar(&f.at, "at", "", "`TIME` of the request, 2026-11-30T08:00:00+01:00 (default now)")
	l.StringVar(&f.file, "policy", "", "`FILE` with a policy that is not saved")
	l.StringVar(&f.expect, "expect", "", "`DECISION` that there must be: allow, challenge or deny")
}

func (f *trial) question(address string) (in wire.PolicyEvaluation, err error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return in, usage("%q is no address; write it as https://host/path", address)
	case f.user != "" && f.as != "":
		return in, usage("--user and --as are two persons; give one")
	case f.as == "" && len(f.groups)+len(f.attributes) > 0:
		return in, usage("--group and --attribute go with --as")
	case f.user == "" && f.as == "" && f.signIn != "":
		return in, usage("--sign-in goes with --user or --as")
	case f.level != 0 && f.signIn != "":
		return in, usage("--level and --sign-in both say a level; give one")
	case f.user == "" && f.as == "" && f.level != 0:
		return in, usage("--level goes with --user or --as")
	case f.expect != "" && !slices.Contains([]string{wire.DecisionAllow, wire.DecisionChallenge, wire.DecisionDeny}, f.expect):
		return in, usage("--expect %q is not one of allow, challenge, deny", f.expect)
	}
	_, rest, _ := strings.Cut(address, "://")
	in = wire.PolicyEvaluation{User: f.user, SignIn: f.signIn, Method: f.method, Scheme: u.Scheme, Host: u.Host, Target: "/", ClientAddress: f.client}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 { // undecoded, as a browser would send it
		in.Target = rest[i:]
		if rest[i] != '/' {
			in.Target = "/" + in.Target
		}
	}
	if f.as != "" {
		attributes, err := pairs(f.attributes)
		if err != nil {
			return in, err
		}
		in.Subject = &wire.PolicySubject{User: f.as, Groups: f.groups, Attributes: attributes, Level: f.level}
	} else {
		in.Level = f.level
	}
	if f.at != "" {
		at, err := time.Parse(time.RFC3339, f.at)
		if err != nil {
			return in, usage("--at %q is no time; write it as 2026-11-30T08:00:00+01:00", f.at)
		}
		in.At = &at
	}
	return in, f.read(&in)
}

// pairs reads NAME=VALUE; a value may hold what it likes, commas too.
func pairs(all []string) (map[string]string, error) {
	m := make(map[string]string, len(all))
	for _, s := range all {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, usage("--attribute %q is no attribute; write it as NAME=VALUE", s)
		}
		m[name] = value
	}
	return m, nil
}

// read takes the policy of a file over.
func (f *trial) read(in *wire.PolicyEvaluation) error {
	if f.file == "" {
		return nil
	}
	text, err := readSmall(f.file)
	if err != nil {
		return fmt.Errorf("--policy: %w", err)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&in.Policy); err != nil {
		return fmt.Errorf("--policy %s: is no authorization policy in JSON: %w", f.file, err)
	}
	return nil
}

func (p *program) printVerdict(v wire.PolicyVerdict, output string) error {
	if output == "json" {
		return p.json(v)
	}
	who := "nobody"
	if v.Subject != nil {
		who = fmt.Sprintf("%s, level %d", v.Subject.User, v.Subject.Level)
	}
	rows := [][]string{{"REASON", v.Reason}, {"WHO", who}, {"AT", moment(&v.At)}, {"APPLICATION", or(v.Application)}, {"RESOURCE", or(v.Resource)}, {"POLICY", or(v.Policy)}}
	if v.Level > 0 {
		rows = append(rows, []string{"LEVEL", strconv.Itoa(v.Level)})
	}
	if v.SignIn != "" {
		rows = append(rows, []string{"SIGN IN BY", v.SignIn})
	}
	about := []note{}
	for _, name := range slices.Sorted(maps.Keys(v.Headers)) {
		about = append(about, note{"header " + name, []line{{"value", or(v.Headers[name])}}})
	}
	var rules [][]string
	for _, r := range v.Rules {
		mark := ""
		if r.Rule == v.Rule {
			mark = "decides"
		}
		rules = append(rules, []string{strconv.Itoa(r.Rule), r.Effect, fitting(r.Fits), fitting(r.Who), fitting(r.Networks), fitting(r.Times), fitting(r.Condition), mark})
		if r.Error != "" {
			about = append(about, note{fmt.Sprintf("rule %d", r.Rule), []line{{"condition", r.Error}}})
		}
	}
	for _, n := range v.Notes {
		about = append(about, note{"note", []line{{"", n}}})
	}
	if err := p.tables(section{[]string{"DECISION", v.Decision}, rows}, section{[]string{"RULE", "EFFECT", "FITS", "WHO", "NETWORKS", "TIMES", "CONDITION", ""}, rules}); err != nil {
		return err
	}
	return p.notes(about...)
}

// fitting is short, so that a rule fits a line.
func fitting(word string) string {
	switch word {
	case "fits":
		return "yes"
	case "does_not_fit":
		return "no"
	}
	return or(word)
}

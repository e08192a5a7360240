package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/spf13/cobra"
)

// Exit codes of every verb.
const (
	ExitFine   = 0 // done
	ExitFailed = 1 // tried, and it did not work
	ExitUsage  = 2 // the command line itself is wrong; nothing was tried
	ExitCheck  = 3 // the check ran, and its answer is no
)

// program is one call of the command line.
type program struct {
	stdout, stderr io.Writer
	getenv         func(string) string
}

// Main runs the command line args (without the program's name) and gives the exit code.
func Main(args []string, stdout, stderr io.Writer, getenv func(string) string) int {
	p := &program{stdout: stdout, stderr: stderr, getenv: getenv}
	root := p.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return p.exit(root.ExecuteContext(context.Background()))
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "concord",
		Short: "Access management across data centers: server and operator's tool",
		Long: "concord runs a node of a data center (server, dev), an agent in front of an application (gate), and\n" +
			"talks to a running data center for an operator (status, session, partner, trust, admin,\n" +
			"replication, validate, policy, simulate, promote, demote, audit); store moves a stopped node's data,\n" +
			"and bench measures a machine before a node runs there.\n" +
			"Exit codes: 0 fine, 1 failed, 2 wrong usage, 3 the check did not pass.",
		SilenceUsage: true, SilenceErrors: true,
		Args:                       noSuchVerb,
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
		SuggestionsMinimumDistance: 2,
	}
	root.Version = Version
	root.SetVersionTemplate(versionLine())
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%s; see %s --help", plain(err), c.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetHelpCommand(helpVerb(root))
	root.AddCommand(p.server(), p.dev(), p.gate(), p.status(), p.session(), p.replication(), p.partner(), p.trust(), p.admin(), p.validate(), p.policy(), p.simulate(), p.promote(), p.demote(), p.audit(), p.store(), p.bench(), p.version())
	return root
}

// exit tells the person what went wrong and picks the code.
func (p *program) exit(err error) int {
	if err == nil {
		return ExitFine
	}
	if failed, ok := errors.AsType[checkError](err); ok {
		fmt.Fprintln(p.stderr, "concord:", failed.Error()) //nolint:errcheck // nobody is left to tell
		return ExitCheck
	}
	fmt.Fprintln(p.stderr, "Error:", err) //nolint:errcheck // nobody is left to tell
	if fault.CodeOf(err) == "no_such_route" {
		fmt.Fprintln(p.stderr, "Is the endpoint the admin listener of the data center? The runtime and the peer listener have ports of their own.") //nolint:errcheck // as above
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return ExitUsage
	}
	return ExitFailed
}

// usageError is a command line that makes no sense.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// plain words what a flag refused without the words of the library that read it.
func plain(err error) string {
	if number, ok := errors.AsType[*strconv.NumError](err); ok {
		return strings.ReplaceAll(err.Error(), number.Error(), "it has to be a number that is not too large")
	}
	return err.Error()
}

// noArgs is for verbs that are told everything by flags.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("%s takes flags only, but was given %q; see %s --help", c.CommandPath(), args[0], c.CommandPath())
}

// usageArgs makes what check refuses an error of usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usage("%v; see %s --help", err, c.CommandPath())
		}
		return nil
	}
}

// noSuchVerb refuses what is no verb of c, and names those that were perhaps meant.
func noSuchVerb(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	near := ""
	if s := c.SuggestionsFor(args[0]); len(s) > 0 {
		near = fmt.Sprintf(" Did you mean %s?", strings.Join(s, " or "))
	}
	return usage("%s has no verb %q.%s See %s --help", c.CommandPath(), args[0], near, c.CommandPath())
}

// helpVerb is `concord help [VERB]`. Cobra's own answers 0 for a verb that there is not.
func helpVerb(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [VERB]", Short: "Help about a verb",
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return noSuchVerb(root, args)
			}
			return c.Help()
		},
	}
}

// checkError is the answer no of a check that ran.
type checkError struct{ text string }

func (e checkError) Error() string { return e.text }

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is one line of `go test -json` (go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output and build-fail
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// counter counts tests and keeps the output of those that are still running.
type counter struct {
	out                     io.Writer
	passed, failed, skipped int
	seen                    int                 // tests and packages that reported an end
	output                  map[string][]string // by package and test, until its end is known
	failedIn                map[string]int      // tests that failed, by package
}

func newCounter(out io.Writer) *counter {
	return &counter{out: out, output: map[string][]string{}, failedIn: map[string]int{}}
}

// read takes all events. A line that is no event, such as a linker's warning, is passed on.
func (c *counter) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Action == "" {
			c.say("%s\n", lines.Text())
			continue
		}
		c.take(e)
	}
	return lines.Err()
}

func (c *counter) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		c.output[key] = append(c.output[key], e.Output)
	case "build-output":
		c.output[e.ImportPath] = append(c.output[e.ImportPath], e.Output)
	case "pass", "fail", "skip":
		c.seen++
		if e.Test == "" {
			c.endPackage(e, key)
		} else {
			c.endTest(e, key)
		}
		delete(c.output, key)
	}
}

func (c *counter) endTest(e event, key string) {
	switch e.Action {
	case "pass":
		c.passed++
	case "skip":
		c.skipped++
		c.say("skip  %s %s: %s\n", e.Package, e.Test, reason(c.output[key]))
	case "fail":
		c.failed++
		c.failedIn[e.Package]++
		c.say("FAIL  %s %s\n%s", e.Package, e.Test, strings.Join(c.output[key], ""))
	}
}

// endPackage says how a package went. A package that failed without a failed test did not build, panicked or timed out:
// that counts as one failure, and all that it printed is shown.
func (c *counter) endPackage(e event, key string) {
	switch {
	case e.Action == "pass":
		c.say("ok    %s (%.1fs)\n", e.Package, e.Elapsed)
	case e.Action == "fail" && c.failedIn[e.Package] == 0:
		c.failed++
		c.say("FAIL  %s\n%s%s%s", e.Package, strings.Join(c.output[e.FailedBuild], ""), strings.Join(c.output[key], ""), c.unfinished(e.Package))
	case e.Action == "fail":
		c.say("FAIL  %s (%d tests)\n", e.Package, c.failedIn[e.Package])
	}
}

// unfinished is the output of tests that were running when their process ended.
func (c *counter) unfinished(pkg string) string {
	var b strings.Builder
	for key, lines := range c.output {
		if test, ok := strings.CutPrefix(key, pkg+" "); ok && test != "" {
			b.WriteString(strings.Join(lines, ""))
		}
	}
	return b.String()
}

// finish prints the closing line and says whether all is well.
func (c *counter) finish() bool {
	if c.seen == 0 {
		c.failed++
		c.say("FAIL  no test reported anything\n")
	}
	c.say("%d passed, %d failed, %d skipped\n", c.passed, c.failed, c.skipped)
	return c.failed == 0
}

func (c *counter) say(format string, args ...any) {
	fmt.Fprintf(c.out, format, args...) //nolint:errcheck // standard output; there is nowhere to report to
}

// reason is what a skipped test said.
func reason(lines []string) string {
	for _, l := range lines {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "=== ") && !strings.HasPrefix(l, "--- ") {
			return l
		}
	}
	return "no reason given"
}

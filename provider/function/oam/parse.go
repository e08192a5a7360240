package oam

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a text. Oracle's own files have 7 to 12 entries.
const (
	maxText    = 64 << 10 // bytes
	maxEntries = 1000
	maxFaults  = 10 // that an error lists
	maxShown   = 64 // characters of a key or a value in a fault
)

// Properties is what a file says, under the names of Concord's attributes; nil for what it does not say, or says with NA.
type Properties struct {
	ClusterID           *string  `tfsdk:"cluster_id"`
	AgentID             *string  `tfsdk:"agent_id"`
	Primary             []string `tfsdk:"primary"`   // host:port
	Secondary           []string `tfsdk:"secondary"` // host:port
	SecurityMode        *string  `tfsdk:"security_mode"`
	Passphrase          *string  `tfsdk:"passphrase"`
	TrustedCertificates []string `tfsdk:"trusted_certificates"` // paths of trust stores
	RESTEndpoint        *string  `tfsdk:"rest_endpoint"`

	Anchored              *bool   `tfsdk:"anchored"`
	RetrieveOnDemand      *bool   `tfsdk:"retrieve_on_demand"`
	Reauthenticate        *bool   `tfsdk:"reauthenticate"`
	RetrievalMaxAttempts  *int64  `tfsdk:"retrieval_max_attempts"`
	RetrievalMaxWait      *string `tfsdk:"retrieval_max_wait"` // a duration with its unit
	ContinueOnSyncFailure *bool   `tfsdk:"continue_on_sync_failure"`
	GitoCookieDomain      *string `tfsdk:"gito_cookie_domain"`

	Unknown []string `tfsdk:"unknown"` // keys that are none of Oracle's, in the file's order
	Notes   []string `tfsdk:"notes"`   // what has no counterpart, and what to look after
}

// Parse reads a file. The error lists every fault, at most ten, each with its line.
func Parse(text string) (*Properties, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("the text has %d bytes, and at most %d are read: is it a property file?", len(text), maxText)
	}
	if strings.ContainsFunc(text, control) {
		return nil, errors.New("the text holds control characters, so it is no property file")
	}
	lines := logical(text)
	if len(lines) > maxEntries {
		return nil, fmt.Errorf("the text has %d properties, and at most %d are read: is it the right file?", len(lines), maxEntries)
	}
	p := &parser{out: &Properties{Unknown: []string{}, Notes: []string{}}, rules: rules(), seen: map[string]int{}}
	for _, l := range lines {
		p.take(l)
	}
	if len(p.faults) > 0 {
		return nil, p.err()
	}
	p.review()
	return p.out, nil
}

// control says whether a character stands in no text file.
func control(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\f\r", r) || r == 0x7f }

type parser struct {
	out    *Properties
	rules  map[string]rule
	seen   map[string]int // key to the line where it stands
	faults []string
}

func (p *parser) fault(line int, format string, args ...any) {
	p.faults = append(p.faults, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
}

func (p *parser) take(l line) {
	e, err := read(l)
	if err != nil {
		p.fault(l.number, "%s", err)
		return
	}
	if placeholder(strings.TrimSpace(l.text)) {
		p.fault(l.number, "is a placeholder of the manual; write what it stands for behind the = of the line before, on the same line")
		return
	}
	if before, twice := p.seen[e.key]; twice {
		what := "a key that is none of Oracle's" // it may be a passphrase that slipped to the next line
		if _, known := p.rules[e.key]; known {
			what = shown(e.key)
		}
		p.fault(e.line, "%s stands on line %d already; Java takes the last one, so remove the one that is wrong", what, before)
		return
	}
	p.seen[e.key] = e.line
	r, known := p.rules[e.key]
	switch value := strings.TrimSpace(e.value); {
	case !known:
		p.out.Unknown = append(p.out.Unknown, e.key)
	case value == "" || strings.EqualFold(value, "NA") || strings.EqualFold(value, "N/A"): // not applicable
	case placeholder(value) || !r.secret && strings.ContainsAny(value, "<>‹›"):
		p.fault(e.line, "%s still has the manual's placeholder; write the value, or NA where there is none", e.key)
	default:
		if r.secret {
			value = e.value // every blank of a passphrase counts
		}
		if why := r.take(p.out, value); why != "" {
			p.fault(e.line, "%s %s", e.key, why)
		} else if r.note != "" {
			p.note("%s: %s", e.key, r.note)
		}
	}
}

func (p *parser) note(format string, args ...any) {
	p.out.Notes = append(p.out.Notes, fmt.Sprintf(format, args...))
}

// placeholder says whether a value stands in angle brackets, as the manual writes what is to be filled in.
func placeholder(value string) bool {
	return strings.HasPrefix(value, "<") && strings.HasSuffix(value, ">") || strings.HasPrefix(value, "‹") && strings.HasSuffix(value, "›")
}

func (p *parser) err() error {
	more := ""
	if n := len(p.faults) - maxFaults; n > 0 {
		more = fmt.Sprintf("\nand %d more", n)
	}
	return errors.New(strings.Join(p.faults[:min(len(p.faults), maxFaults)], "\n") + more)
}

// review adds what only the whole tells.
func (p *parser) review() {
	o := p.out
	if o.ClusterID != nil && !clusterID.MatchString(*o.ClusterID) {
		p.note("cluster_id: a data center of Concord has an id of 1 to 63 letters and digits, starting with a letter; this one is Oracle's alone.")
	}
	if o.Passphrase != nil && utf8.RuneCountInString(*o.Passphrase) < minPassphrase {
		p.note("passphrase: it is shorter than the %d characters that a passphrase of Concord has; concord trust passphrase makes one.", minPassphrase)
	}
	if o.SecurityMode != nil && *o.SecurityMode == "open" {
		p.note("security_mode: open lets everybody on the way read along, and is refused unless a node's file has allow_open = true. Take simple or cert.")
	}
	if len(o.Primary)+len(o.Secondary) > 0 || o.RESTEndpoint != nil {
		p.note("primary, secondary and rest_endpoint are the addresses of Oracle's servers: Concord's peer and admin listeners have their own.")
	}
	slices.Sort(o.Notes)
}

// shown is a key or a value as a fault repeats it.
func shown(s string) string {
	if r := []rune(s); len(r) > maxShown {
		s = string(r[:maxShown]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

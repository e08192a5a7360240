package topology

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Directions of a check, seen from the data center that was asked to test.
const (
	Outbound = "outbound" // from here to the partner
	Inbound  = "inbound"  // from the partner to here
)

// Names of the checks, in the order in which they are made.
const (
	CheckResolve    = "resolve"    // a name of the partner's addresses is known
	CheckConnect    = "connect"    // the address takes connections
	CheckTLS        = "tls"        // both sides agree on TLS
	CheckIdentity   = "identity"   // each is who the other takes it for
	CheckVersion    = "version"    // the versions work together
	CheckClock      = "clock"      // the clocks agree
	CheckMode       = "mode"       // both sides use the security mode that is declared
	CheckPassphrase = "passphrase" // in modes simple and open: the two prove the same one
	CheckAgreement  = "agreement"  // the replication agreement between the two, if any, works
)

// codeNotManaged is the code of a refusal for want of allow_management.
const codeNotManaged = "management_not_allowed"

const (
	testTime = 15 * time.Second // for one direction
	maxSkew  = 30 * time.Second // beyond it proofs that carry a time are refused
)

// Check is one step of a test with its outcome.
type Check struct {
	Name      string
	Direction string
	Pass      bool
	Skipped   bool   // it was not made, and that is no failure; Pass is false then
	Detail    string // what was found, or why it fails and what to do
}

// Prober makes the steps that need the network.
type Prober interface {
	// Reach resolves, connects, shakes hands and looks at the certificate: those checks up to the first that fails.
	Reach(ctx context.Context, clusterID string) []Check
	Hello(ctx context.Context, clusterID string) (Hello, error)
	// TestBack has the partner make its own checks towards here.
	TestBack(ctx context.Context, clusterID string) ([]Check, error)
}

// TesterConfig wires a Tester.
type TesterConfig struct {
	Log        *journal.Log
	ClusterID  string
	Version    string
	Prober     Prober
	Agreements *Agreements
	Clock      clock.Clock
	// Passphrase judges by what the last hello came to whether the two prove the same passphrase; used is false in a mode without
	// one. nil = there is no such mode.
	Passphrase func(ctx context.Context, clusterID string, hello error) (used, equal bool, detail string)
}

// Tester tests partners in both directions (MSS-09).
type Tester struct{ c TesterConfig }

// NewTester refuses bad wiring.
func NewTester(c TesterConfig) (*Tester, error) {
	if c.Log == nil || c.Prober == nil || c.Agreements == nil || c.Clock == nil || !mdc.ValidClusterID(c.ClusterID) {
		return nil, errors.New("new tester: log, prober, agreements, clock and cluster id are needed")
	}
	return &Tester{c}, nil
}

// Test makes every check towards a partner, and has the partner make its own towards here. It changes nothing. fault.NotFound.
func (t *Tester) Test(ctx context.Context, clusterID string) ([]Check, error) {
	checks, err := t.outward(ctx, clusterID)
	if err != nil {
		return nil, err
	}
	if failed(checks, CheckIdentity) {
		return append(checks, Check{Name: CheckConnect, Direction: Inbound, Detail: "not tested: " + clusterID + " cannot be asked"}), nil
	}
	asking, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	back, err := t.c.Prober.TestBack(asking, clusterID)
	if err != nil {
		// A partner that may not be managed from here has decided so; of the link that says nothing.
		skipped := fault.CodeOf(err) == codeNotManaged
		return append(checks, Check{Name: CheckConnect, Direction: Inbound, Skipped: skipped, Detail: "not tested: " + safe(err)}), nil
	}
	for _, c := range back {
		c.Direction = Inbound
		checks = append(checks, c)
	}
	return checks, nil
}

// Answer makes the checks towards the partner that asks for it. fault.Forbidden management_not_allowed when this data
// center's profile does not let others manage it.
func (t *Tester) Answer(ctx context.Context, caller string) ([]Check, error) {
	err := managed(ctx, t.c.Log, t.c.ClusterID, "tests nobody at another's word")
	if err != nil {
		return nil, err
	}
	return t.outward(ctx, caller)
}

func (t *Tester) outward(ctx context.Context, clusterID string) ([]Check, error) {
	var registered *mdc.Partner
	var own *mdc.DataCenter
	err := t.c.Log.View(ctx, func(v *journal.Snapshot) (err error) {
		if registered, err = partner(v, clusterID); err != nil {
			return err
		}
		own, err = v.DataCenter()
		return err
	})
	if err == nil && registered == nil {
		err = fault.New(fault.NotFound, "not_found", "There is no partner %q here.", clusterID)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	checks := t.c.Prober.Reach(ctx, registered.ClusterID)
	if n := len(checks); n == 0 || !checks[n-1].Pass {
		return t.proved(ctx, registered, checks, nil), nil
	}
	sent := t.c.Clock.Now()
	h, err := t.c.Prober.Hello(ctx, registered.ClusterID)
	now := t.c.Clock.Now()
	if who := t.identity(registered, h, err); !who.Pass {
		checks[len(checks)-1] = who
		return t.proved(ctx, registered, checks, err), nil
	}
	checks = append(t.proved(ctx, registered, checks, nil), version(t.c.Version, h), clockCheck(h.Time.Sub(sent.Add(now.Sub(sent)/2))), mode(own, registered, h.SecurityMode))
	agreement, err := t.agreement(ctx, registered.ClusterID)
	return append(checks, agreement), err
}

// proved adds what is known of the passphrase, once the partner could be reached: without it nothing was proved or refused.
func (t *Tester) proved(ctx context.Context, p *mdc.Partner, checks []Check, hello error) []Check {
	if t.c.Passphrase == nil || failed(checks, CheckTLS) {
		return checks
	}
	used, equal, detail := t.c.Passphrase(ctx, p.ClusterID, hello)
	switch {
	case !used:
		return checks
	case equal:
		return append(checks, pass(CheckPassphrase, "%s", detail))
	}
	return append(checks, fail(CheckPassphrase, "%s", detail))
}

// identity judges what the partner answered: it must know us, and be the one that is registered.
func (t *Tester) identity(p *mdc.Partner, h Hello, err error) Check {
	switch {
	case fault.Is(err, fault.Forbidden), fault.Is(err, fault.Unauthenticated):
		return fail(CheckIdentity, "%s does not accept %s (%s): register the partner %s and its trusted certificate on %s", p.ClusterID, t.c.ClusterID, safe(err), t.c.ClusterID, p.ClusterID)
	case err != nil:
		return fail(CheckIdentity, "%s gave no answer (%s)", p.ClusterID, safe(err))
	case !mdc.SameName(h.ClusterID, p.ClusterID):
		return fail(CheckIdentity, "at the addresses of %s answers %s; correct the partner's addresses", p.ClusterID, h.ClusterID)
	case h.AgentID != p.AgentID:
		return fail(CheckIdentity, "wrong_agent_id: the profile of %s has the agent_id %q, the partner is registered here with %q", p.ClusterID, h.AgentID, p.AgentID)
	}
	return pass(CheckIdentity, "%s, node %s", h.ClusterID, h.NodeName)
}

func version(ours string, h Hello) Check {
	gap, known := VersionGap(ours, h.Version)
	switch {
	case !known && ours != h.Version:
		return pass(CheckVersion, "%s here, %s there: no releases, so they cannot be compared", ours, h.Version)
	case gap < -1 || gap > 1:
		return fail(CheckVersion, "%s here, %s there: only neighbouring versions work together; upgrade step by step", ours, h.Version)
	}
	return pass(CheckVersion, "%s here, %s there", ours, h.Version)
}

// VersionGap says by how many minor versions theirs is newer than ours; a different major version counts as many. known is
// false when one of them is no release.
func VersionGap(ours, theirs string) (gap int, known bool) {
	a, aMinor, aOK := release(ours)
	b, bMinor, bOK := release(theirs)
	if !aOK || !bOK {
		return 0, false
	}
	if a != b {
		return 100 * (b - a), true
	}
	return bMinor - aMinor, true
}

func release(v string) (major, minor int, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(v, "v"), ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return 0, 0, false
	}
	minor, err = strconv.Atoi(parts[1])
	return major, minor, err == nil
}

func clockCheck(skew time.Duration) Check {
	skew = skew.Round(time.Millisecond)
	if skew.Abs() > maxSkew {
		return fail(CheckClock, "the partner's clock is %s away; more than %s makes proofs invalid: synchronise both with a time server", skew, maxSkew)
	}
	return pass(CheckClock, "%s apart", skew.Abs())
}

// mode compares what is declared here, what the partner is registered with, and what the partner itself declares (MSS-06); ""
// from an older version, which has one mode only.
func mode(own *mdc.DataCenter, p *mdc.Partner, theirs string) Check {
	if theirs != "" && theirs != own.SecurityMode {
		return fail(CheckMode, "this data center is in mode %s, %s is in mode %s; both must be the same", own.SecurityMode, p.ClusterID, theirs)
	}
	if !p.InMode(own.SecurityMode) {
		return fail(CheckMode, "this data center is in mode %s, the partner is registered with %s; both must be the same", own.SecurityMode, p.SecurityMode)
	}
	if own.SecurityMode == mdc.ModeOpen {
		return pass(CheckMode, "open on both sides: nobody can change what is sent, and everybody on the way can read it")
	}
	return pass(CheckMode, "%s on both sides, over TLS 1.3", own.SecurityMode)
}

func (t *Tester) agreement(ctx context.Context, clusterID string) (Check, error) {
	views, err := t.c.Agreements.List(ctx)
	for _, v := range views {
		if !mdc.SameName(v.Source, clusterID) && !mdc.SameName(v.Target, clusterID) {
			continue
		}
		text := fmt.Sprintf("%s, %s from %s to %s", v.Identifier, v.State, v.Source, v.Target)
		if v.State == mdc.AgreementStopped || v.State == mdc.AgreementStale {
			return fail(CheckAgreement, "%s: see its status for the reason", text), err
		}
		return pass(CheckAgreement, "%s", text), err
	}
	return pass(CheckAgreement, "there is none between the two"), err
}

func failed(checks []Check, name string) bool {
	for _, c := range checks {
		if c.Name == name {
			return !c.Pass
		}
	}
	return true // it was not even reached
}

func pass(name, format string, args ...any) Check {
	return Check{Name: name, Direction: Outbound, Pass: true, Detail: fmt.Sprintf(format, args...)}
}

func fail(name, format string, args ...any) Check {
	return Check{Name: name, Direction: Outbound, Detail: fmt.Sprintf(format, args...)}
}

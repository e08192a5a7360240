package mdc

import (
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/condition"
	"github.com/concord-access/terraform-provider-concord/internal/schedule"
)

// Limits of an authorization policy. Together they bound what one decision may cost.
const (
	MaxRules         = 1000
	MaxRuleNames     = 1000    // users and groups of one rule
	MaxRuleNetworks  = 100     // of one rule
	MaxRuleTimes     = 20      // of one rule
	MaxConditions    = 100     // rules of one policy that have a condition
	MaxConditionCost = 200_000 // of all conditions of one policy together, as they are estimated
)

// Rule fits where all that it says fits: the user is named or is in one of the groups, the client is in one of the networks, the
// time is in one of the windows, and the condition holds. What it does not say fits always; a rule that says nothing fits every
// signed-in user.
type Rule struct {
	Effect    string       `json:"effect"` // allow or deny
	Users     []string     `json:"users,omitempty"`
	Groups    []string     `json:"groups,omitempty"`
	Networks  []string     `json:"networks,omitempty"`  // condition.Network
	Times     []TimeWindow `json:"times,omitempty"`     //
	Condition string       `json:"condition,omitempty"` // condition.Condition
}

// TimeWindow is a span of time on some days of each week.
type TimeWindow struct {
	Days     []string `json:"days,omitempty"` // schedule.Days; none = all
	From     string   `json:"from,omitempty"` // "HH:MM"; "" = the beginning of the day
	To       string   `json:"to,omitempty"`   // "HH:MM", not inside; not later than From = on the next day; "" = the end of the day
	TimeZone string   `json:"time_zone"`      // IANA
}

// Text is the window as schedule reads it.
func (w TimeWindow) Text() schedule.Text {
	return schedule.Text{Days: w.Days, From: w.From, To: w.To, Zone: w.TimeZone}
}

// Effects of a rule.
const (
	Allow = "allow"
	Deny  = "deny"
)

func (r *Rule) normalize() {
	r.Users, r.Groups, r.Networks = sortedSet(r.Users), sortedSet(r.Groups), sortedSet(r.Networks)
	for i := range r.Times {
		r.Times[i].Days = sortedSet(r.Times[i].Days)
	}
	if len(r.Times) == 0 {
		r.Times = nil
	}
}

// validate gives what the condition may cost.
func (r *Rule) validate(c *checks, at string) (cost uint64) {
	c.oneOf(at+"/effect", r.Effect, Allow, Deny)
	c.want(len(r.Users)+len(r.Groups) <= MaxRuleNames, at, "names more than 1,000 users and groups")
	for j, u := range r.Users {
		c.name(fmt.Sprintf("%s/users/%d", at, j), u)
	}
	c.want(len(r.Networks) <= MaxRuleNetworks, at+"/networks", "names more than %d networks", MaxRuleNetworks)
	for j, n := range r.Networks {
		_, err := condition.Network(n)
		c.failed(fmt.Sprintf("%s/networks/%d", at, j), err)
	}
	c.want(len(r.Times) <= MaxRuleTimes, at+"/times", "has more than %d windows", MaxRuleTimes)
	for j, w := range r.Times {
		_, faults := schedule.Read(w.Text())
		for _, f := range faults {
			c.want(false, fmt.Sprintf("%s/times/%d/%s", at, j, f.Part), "%s", f.Detail)
		}
	}
	if r.Condition == "" {
		return 0
	}
	e, err := condition.Condition(r.Condition)
	if c.failed(at+"/condition", err); err != nil {
		return 0
	}
	return e.Cost()
}

// failed notes an error in the words of the package that it comes from.
func (c *checks) failed(pointer string, err error) {
	c.want(err == nil, pointer, "%v", err)
}

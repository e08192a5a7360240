package wire

import "time"

// AuthorizationPolicy is the writable half of /v1/authorization-policies/{name}.
type AuthorizationPolicy struct {
	Name      string     `json:"name"`
	Rules     []Rule     `json:"rules"`
	Responses *Responses `json:"responses,omitempty"`

	SecurityDomain string `json:"security_domain,omitempty"`
}

// Rule is one rule of an authorization policy: it fits where all that it says fits.
type Rule struct {
	Effect    string       `json:"effect"`
	Users     []string     `json:"users,omitempty"`
	Groups    []string     `json:"groups,omitempty"`
	Networks  []string     `json:"networks,omitempty"` // CIDR
	Times     []TimeWindow `json:"times,omitempty"`
	Condition string       `json:"condition,omitempty"` // CEL
}

// TimeWindow is a span of time on some days of each week.
type TimeWindow struct {
	Days     []string `json:"days,omitempty"` // mon to sun; none = all
	From     string   `json:"from,omitempty"` // HH:MM
	To       string   `json:"to,omitempty"`   // HH:MM
	TimeZone string   `json:"time_zone"`      // IANA
}

// Responses are what an application is told when a policy allows.
type Responses struct {
	Headers map[string]string `json:"headers,omitempty"` // a CEL expression by the header's name
}

// AuthorizationPolicyView is an authorization policy as it is answered.
type AuthorizationPolicyView struct {
	AuthorizationPolicy
	ID         string   `json:"id"`
	Overridden []string `json:"overridden,omitempty"` // JSON pointers of what an override gives in this data center
}

// PolicyEvaluation is POST /v1/policies/evaluate: a request that nobody makes. Without user and subject nobody is signed in.
type PolicyEvaluation struct {
	User          string               `json:"user,omitempty"`                  // of the local identity store
	Level         int                  `json:"level,omitempty"`                 // with user: of the sign-in; default 1
	SignIn        string               `json:"authentication_scheme,omitempty"` // with user or subject, in the place of a level: how they signed in
	Subject       *PolicySubject       `json:"subject,omitempty"`               // in the place of user
	Method        string               `json:"method,omitempty"`                // default GET
	Scheme        string               `json:"scheme,omitempty"`                // default https
	Host          string               `json:"host"`
	Target        string               `json:"target"` // path[?query], as a browser sends it
	ClientAddress string               `json:"client_address,omitempty"`
	At            *time.Time           `json:"at,omitempty"`     // default now
	Policy        *AuthorizationPolicy `json:"policy,omitempty"` // in the place of the stored one of that name; it is not saved
}

// PolicySubject is somebody who need not exist.
type PolicySubject struct {
	User            string            `json:"user"`
	Groups          []string          `json:"groups,omitempty"`
	Attributes      map[string]string `json:"attributes,omitempty"`
	Level           int               `json:"level,omitempty"`            // default 1
	IdentityStore   string            `json:"identity_store,omitempty"`   // default local
	AuthenticatedAt *time.Time        `json:"authenticated_at,omitempty"` // default at
}

// PolicyVerdict is what the request would get, and why.
type PolicyVerdict struct {
	Decision    string              `json:"decision"`                        // allow, challenge or deny, as an agent is told
	Effect      string              `json:"effect"`                          // deny, challenge, allow, public or excluded
	Reason      string              `json:"reason"`                          // the rule that decided
	Level       int                 `json:"level,omitempty"`                 // with challenge: the level that is asked for
	SignIn      string              `json:"authentication_scheme,omitempty"` // with challenge: which scheme leads there
	Application string              `json:"application,omitempty"`           // whose resource covers the request
	Resource    string              `json:"resource,omitempty"`
	Policy      string              `json:"policy,omitempty"` // that was asked
	Rule        int                 `json:"rule,omitempty"`   // of the policy that decided, from 1
	Headers     map[string]string   `json:"headers,omitempty"`
	Host        string              `json:"host,omitempty"` // canonical
	Path        string              `json:"path,omitempty"` // canonical
	At          time.Time           `json:"at"`
	Subject     *PolicySubject      `json:"subject,omitempty"` // who asked
	Rules       []PolicyRuleOutcome `json:"rules"`             // every rule of the policy
	Notes       []string            `json:"notes"`
}

// PolicyRuleOutcome is what became of one rule: fits, does_not_fit or unknown, and nothing where the rule does not ask. Unknown counts
// for a deny and not for an allow.
type PolicyRuleOutcome struct {
	Rule      int    `json:"rule"` // from 1
	Effect    string `json:"effect"`
	Fits      string `json:"fits"` // all together
	Who       string `json:"who,omitempty"`
	Networks  string `json:"networks,omitempty"`
	Times     string `json:"times,omitempty"`
	Condition string `json:"condition,omitempty"`
	Cost      uint64 `json:"cost,omitempty"`  // of the condition
	Error     string `json:"error,omitempty"` // of the condition
}

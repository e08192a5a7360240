package wire

import "time"

// What the next request of a signed-in person meets.
const (
	OutcomeServed     = "served"     // nobody is asked for anything
	OutcomeChallenged = "challenged" // the password is asked for, and helps
	OutcomeRefused    = "refused"    // the password does not help either
)

// SimulationQuestion is POST /v1/simulate: a fault that nobody causes.
type SimulationQuestion struct {
	Fault SimulatedFault `json:"fault"`
	User  string         `json:"user,omitempty"` // whose sign-ons here are asked about; without, anybody's
	// SessionPolicy is laid over the policy in force, field by field, and not saved.
	SessionPolicy *SessionPolicy `json:"session_policy,omitempty"`
}

// SimulatedFault is what fails.
type SimulatedFault struct {
	Kind      string `json:"kind"` // data_center, partner or link
	ClusterID string `json:"cluster_id"`
	Other     string `json:"other,omitempty"` // with link: its other end
}

// Simulation is what would follow.
type Simulation struct {
	ID             string                  `json:"id"` // cluster id of the data center that answers
	At             time.Time               `json:"at"`
	Fault          SimulatedFault          `json:"fault"`
	Outcome        string                  `json:"outcome"` // the worst of people's
	People         []SimulatedRequest      `json:"people"`  // for each data center where somebody is signed in, each that answers
	DataCenters    []SimulatedDataCenter   `json:"data_centers"`
	Administration SimulatedAdministration `json:"administration"`
	IdentityStores []SimulatedStore        `json:"identity_stores"`
	Present        []SimulatedTrouble      `json:"present"` // what does not work already, and was taken into account
	Notes          []string                `json:"notes"`
}

// SimulatedRequest is the next request of somebody who is signed in.
type SimulatedRequest struct {
	Origin   string          `json:"origin"`           // where they are signed in
	At       string          `json:"at"`               // which data center the request comes to
	SSOID    string          `json:"sso_id,omitempty"` // with user: of which sign-on
	Outcome  string          `json:"outcome"`          // served, challenged or refused
	Rule     string          `json:"rule"`             // that decides, as in the reason of an authorization
	Row      string          `json:"row,omitempty"`    // its id in docs/capabilities.md
	From     string          `json:"from,omitempty"`   // who gives the session
	Lasts    string          `json:"lasts,omitempty"`  // for how long, while the fault goes on; none = as long as the sign-on
	Then     string          `json:"then,omitempty"`   // the rule that decides after that
	SignIn   string          `json:"sign_in,omitempty"`
	Lost     []SimulatedLoss `json:"lost"`
	Sentence string          `json:"sentence"`
}

// What a sign-in does for somebody who is challenged: SimulatedRequest.SignIn, or the rule by which it is refused.
const (
	SignInBegins    = "new_sign_on"       // a new sign-on begins
	SignInContinues = "continued_sign_on" // the sign-on goes on
)

// SimulatedLoss is one thing that is lost.
type SimulatedLoss struct {
	What   string   `json:"what"` // session, attributes, idle_time, sign_outs, limit or anchor
	Of     []string `json:"of"`   // because of these data centers
	Detail string   `json:"detail"`
	Until  string   `json:"until"`
}

// SimulatedDataCenter is one data center under the fault.
type SimulatedDataCenter struct {
	ClusterID       string `json:"cluster_id"`
	Role            string `json:"role,omitempty"`         // absent: it never answered
	Availability    string `json:"availability,omitempty"` // likewise
	Answers         bool   `json:"answers"`                // whoever comes to it
	GetsUsers       bool   `json:"gets_users"`             // whether load balancers should send users there
	Reason          string `json:"reason,omitempty"`       // why not
	TakesOver       bool   `json:"takes_over"`             // a hot standby that gets users because of the fault
	SessionCapacity *int   `json:"session_capacity"`       // null: it has none, or is another data center's affair
	Sessions        *int   `json:"sessions"`               // in use now; null likewise
}

// SimulatedAdministration is what follows for administrators.
type SimulatedAdministration struct {
	Master         string               `json:"master,omitempty"`
	WritesPossible bool                 `json:"writes_possible"` // of the replicated configuration
	WriteRequires  string               `json:"write_requires,omitempty"`
	Reason         string               `json:"reason,omitempty"` // why not, or where only
	Agreements     []SimulatedAgreement `json:"agreements"`
	Promotions     []SimulatedPromotion `json:"promotions"` // of each clone
}

// SimulatedAgreement is a replication agreement under the fault.
type SimulatedAgreement struct {
	Name       string  `json:"name,omitempty"` // absent: it is not kept here
	Identifier string  `json:"identifier,omitempty"`
	Source     string  `json:"source"`
	Target     string  `json:"target"`
	State      string  `json:"state"`       // now
	LagEntries *uint64 `json:"lag_entries"` // now; null: not known
	Stops      bool    `json:"stops"`
}

// SimulatedPromotion says whether a clone can become the master.
type SimulatedPromotion struct {
	ClusterID  string  `json:"cluster_id"`
	Possible   bool    `json:"possible"`
	Forced     bool    `json:"forced"`           // only with force
	Reason     string  `json:"reason,omitempty"` // why not, or why only by force
	LagEntries *uint64 `json:"lag_entries"`      // that it lacks now; null: not known
}

// SimulatedStore is what becomes of sign-ins of the people of one identity store.
type SimulatedStore struct {
	Name     string `json:"name"`
	Affected string `json:"affected"` // yes, no or unknown
	Sentence string `json:"sentence"`
}

// SimulatedTrouble is an edge between data centers that does not work already.
type SimulatedTrouble struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason"`
}

package wire

// Results of tests and validations.
const (
	ResultPass = "pass"
	ResultFail = "fail"
	// ResultSkipped is of single checks only: one that was not made, and that is no failure.
	ResultSkipped = "skipped"
)

// PartnerTest is POST /v1/partners/{cluster_id}/test, and one direction of it POST /peer/v1/test.
type PartnerTest struct {
	ID     string         `json:"id"` // cluster id of the partner
	Result string         `json:"result"`
	Checks []PartnerCheck `json:"checks"`
}

// PartnerCheck is one step of a test.
type PartnerCheck struct {
	Name      string `json:"name"`      // resolve, connect, tls, identity, passphrase, version, clock, mode, agreement
	Direction string `json:"direction"` // outbound: from the data center that was asked; inbound: from the partner to it
	Result    string `json:"result"`    // pass, fail or skipped
	Detail    string `json:"detail"`
}

// Validation is /v1/validate.
type Validation struct {
	ID       string    `json:"id"`     // cluster id
	Result   string    `json:"result"` // fail when a finding is an error
	Findings []Finding `json:"findings"`
	Repaired []string  `json:"repaired"` // kind/name of what POST wrote
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Code     string `json:"code"`     // stable
	Severity string `json:"severity"` // error or warning
	Subject  string `json:"subject"`  // kind and name
	Detail   string `json:"detail"`
	Hint     string `json:"hint"` // what to do
}

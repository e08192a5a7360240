package ca

// Reason says why a certificate was revoked, in the words of RFC 5280 section 5.3.1.
type Reason string

// The reasons that make sense for a leaf. Hold and its removal are not among them: a revocation is never taken back.
const (
	ReasonUnspecified          Reason = "unspecified"
	ReasonKeyCompromise        Reason = "key_compromise"
	ReasonAffiliationChanged   Reason = "affiliation_changed"
	ReasonSuperseded           Reason = "superseded"
	ReasonCessationOfOperation Reason = "cessation_of_operation"
	ReasonPrivilegeWithdrawn   Reason = "privilege_withdrawn"
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{ReasonUnspecified, ReasonKeyCompromise, ReasonAffiliationChanged, ReasonSuperseded, ReasonCessationOfOperation, ReasonPrivilegeWithdrawn}
}

// code is the number of the reason in a CRL.
func (r Reason) code() int {
	switch r {
	case ReasonKeyCompromise:
		return 1
	case ReasonAffiliationChanged:
		return 3
	case ReasonSuperseded:
		return 4
	case ReasonCessationOfOperation:
		return 5
	case ReasonPrivilegeWithdrawn:
		return 9
	default:
		return 0
	}
}

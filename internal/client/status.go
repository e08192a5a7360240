package client

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// kindRow ties a kind of fault to its HTTP status and to its name in a problem document.
type kindRow struct {
	kind   fault.Kind
	status int
	name   string
}

// kinds is the only table from kind to status. httpapi reads it one way and this package the other, so that a round trip
// keeps the kind.
func kinds() [9]kindRow {
	return [9]kindRow{
		{fault.Internal, http.StatusInternalServerError, "internal"},
		{fault.Invalid, http.StatusBadRequest, "invalid"},
		{fault.Unauthenticated, http.StatusUnauthorized, "unauthenticated"},
		{fault.Forbidden, http.StatusForbidden, "forbidden"},
		{fault.NotFound, http.StatusNotFound, "not_found"},
		{fault.Conflict, http.StatusConflict, "conflict"},
		{fault.Precondition, http.StatusPreconditionFailed, "precondition"},
		{fault.TooLarge, http.StatusRequestEntityTooLarge, "too_large"},
		{fault.Unavailable, http.StatusServiceUnavailable, "unavailable"},
	}
}

// StatusFromKind is the HTTP status for a fault of kind k; 500 for an unknown kind.
func StatusFromKind(k fault.Kind) int {
	for _, r := range kinds() {
		if r.kind == k {
			return r.status
		}
	}
	return http.StatusInternalServerError
}

// KindName is k as wire.Problem.Kind spells it; "internal" for an unknown kind.
func KindName(k fault.Kind) string {
	for _, r := range kinds() {
		if r.kind == k {
			return r.name
		}
	}
	return "internal"
}

// KindFromStatus is the kind for an HTTP status. Statuses that StatusFromKind never gives (a proxy's, or 429) go to the
// nearest kind: 4xx to Invalid, 5xx to Internal.
func KindFromStatus(status int) fault.Kind {
	for _, r := range kinds() {
		if r.status == status {
			return r.kind
		}
	}
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		return fault.Unavailable
	case status == http.StatusPreconditionRequired:
		return fault.Precondition
	case status >= 400 && status < 500:
		return fault.Invalid
	}
	return fault.Internal
}

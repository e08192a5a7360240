package etcd

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Codes of a store's faults, all of kind Unavailable.
const (
	CodeUnavailable = "storage_unavailable" // no quorum answers; nothing was read or written
	CodeUnknown     = "storage_failed"      // a write was sent and nobody answered: it may have been made
	CodeFull        = "storage_full"        // the cluster's space quota is used up
	CodeRefused     = "storage_refused"     // the cluster answers and refuses this node: credentials, permissions, its own limits
	CodeContended   = "storage_contended"   // other nodes committed first, again and again
)

// retryAfter is what callers are told to wait; about as long as an election takes.
const retryAfter = 2 * time.Second

// nature is what to do about an error of a call.
type nature uint8

const (
	passing   nature = iota // try again: no leader, no connection, a time limit
	final                   // the same again would give the same
	compacted               // the revision is gone; begin with a newer one
	ahead                   // this member does not have the revision yet
	unleased                // a lease has expired before its key was written
	tooLong                 // an answer is longer than this store takes
)

func natureOf(err error) nature {
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return compacted
	case errors.Is(err, rpctypes.ErrFutureRev):
		return ahead
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		return unleased
	case isFinal(err):
		return final
	}
	if s, ok := status.FromError(err); ok && s.Code() == codes.ResourceExhausted && strings.Contains(s.Message(), "larger than max") {
		return tooLong
	}
	return passing
}

// natureOf knows besides that a user whose token was dropped gets another one at the next attempt.
func (s *Store) natureOf(err error) nature {
	if s.cfg.Username != "" && errors.Is(err, rpctypes.ErrUserEmpty) {
		return passing
	}
	return natureOf(err)
}

func isFinal(err error) bool {
	for _, e := range []error{rpctypes.ErrNoSpace, rpctypes.ErrTooManyOps, rpctypes.ErrRequestTooLarge, rpctypes.ErrAuthFailed,
		rpctypes.ErrPermissionDenied, rpctypes.ErrUserEmpty, rpctypes.ErrAuthNotEnabled, rpctypes.ErrCorrupt} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// unknownOutcome is for writes that were sent and not answered.
func unknownOutcome(err error) *fault.Error {
	e := fault.New(fault.Unavailable, CodeUnknown, "etcd did not answer in time whether it made the change. Read it again before you repeat it.")
	e.Err, e.RetryAfter = err, retryAfter
	return e
}

func contended() *fault.Error {
	e := fault.New(fault.Unavailable, CodeContended, "Other nodes of this data center changed its data at the same moment, many times in a row. Try again.")
	e.RetryAfter = retryAfter
	return e
}

// given is whether err comes from the caller or from Close rather than from etcd.
func given(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrClosed)
}

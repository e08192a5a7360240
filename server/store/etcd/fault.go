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

func isFinal(err error) bool {
	for _, e := range []error{rpctypes.ErrNoSpace, rpctypes.ErrTooManyOps, rpctypes.ErrRequestTooLarge, rpctypes.ErrAuthFailed,
		rpctypes.ErrPermissionDenied, rpctypes.ErrUserEmpty, rpctypes.ErrAuthNotEnabled, rpctypes.ErrCorrupt} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// explain makes a fault of a call's error, with what to do about it.
func explain(err error) *fault.Error {
	code, text := CodeRefused, ""
	switch {
	case errors.Is(err, rpctypes.ErrNoSpace):
		code, text = CodeFull, "etcd has used its space quota up and takes no more changes. Compact and defragment it or raise --quota-backend-bytes, then disarm its alarm."
	case errors.Is(err, rpctypes.ErrTooManyOps):
		text = "etcd takes fewer operations in a transaction than its default. Set --max-txn-ops to 128 or more on every member."
	case errors.Is(err, rpctypes.ErrRequestTooLarge):
		text = "etcd takes shorter requests than its default. Set --max-request-bytes to 1572864 or more on every member."
	case errors.Is(err, rpctypes.ErrAuthFailed):
		text = "etcd refuses the user name or the password of this node's store. Compare username and password_file with etcdctl user list."
	case errors.Is(err, rpctypes.ErrPermissionDenied), errors.Is(err, rpctypes.ErrUserEmpty):
		text = "etcd does not let this node read and write under its prefix. Give its user a role with readwrite on the prefix, or set username and password_file."
	case errors.Is(err, rpctypes.ErrAuthNotEnabled):
		text = "The store has a user name and etcd's authentication is off. Remove username and password_file, or run etcdctl auth enable."
	case errors.Is(err, rpctypes.ErrCorrupt):
		text = "etcd reports that its data is corrupt. Replace the member that etcdctl alarm list names."
	case errors.Is(err, rpctypes.ErrNoLeader), strings.Contains(err.Error(), "no leader"):
		code, text = CodeUnavailable, "etcd has no leader: too few of its members can reach one another. Look at etcdctl endpoint health; this node goes on by itself when there is a quorum again."
	default:
		code, text = CodeUnavailable, "etcd does not answer. Look at its members and at the way to them; this node goes on by itself when a quorum answers again."
	}
	e := fault.New(fault.Unavailable, code, "%s", text)
	e.Err, e.RetryAfter = err, retryAfter
	return e
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

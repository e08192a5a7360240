package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of trouble an error is. The zero value is Internal.
type Kind uint8

// The kinds. httpapi and client hold the only table from kind to HTTP status.
const (
	Internal        Kind = iota // not the caller's doing; shown as one fixed text
	Invalid                     // input that cannot be accepted as it is
	Unauthenticated             // no or wrong credentials
	Forbidden                   // known caller, not allowed
	NotFound                    // no such object
	Conflict                    // the state of things forbids it: exists, in use, not the master
	Precondition                // If-Match or If-None-Match did not hold
	TooLarge                    // body, batch or field over its limit
	Unavailable                 // try again later; RetryAfter may say when
)

// Field is one wrong part of an input.
type Field struct {
	Pointer string // RFC 6901 JSON pointer into the input, "" for the whole
	Detail  string // what is wrong and what would be right
}

// Error is a trouble that may be shown to the caller.
type Error struct {
	Kind       Kind
	Code       string        // stable, snake_case, for programs: "not_master"
	Message    string        // a sentence safe to show
	Fields     []Field       // for Invalid
	RetryAfter time.Duration // for Unavailable; 0 = not said
	Hint       string        // an address or name that helps: the master's endpoint for not_master
	Err        error         // cause, for logs only; never shown
}

// Error gives the message and the fields. The cause is not part of it.
func (e *Error) Error() string {
	s := e.Message
	between := ": "
	for _, f := range e.Fields {
		s = strings.TrimSuffix(s, ".") + between // one sentence: "The order cannot be accepted: /ttl: has to be …"
		if f.Pointer != "" {
			s += f.Pointer + ": "
		}
		s += f.Detail
		between = "; "
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes a fault of kind k with a stable code and a message that is safe to show.
func New(k Kind, code, format string, args ...any) *Error {
	return &Error{Kind: k, Code: code, Message: fmt.Sprintf(format, args...)}
}

// InvalidFields makes the fault for wrong input, or nil when there are no fields.
func InvalidFields(message string, fields []Field) error {
	if len(fields) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Code: "invalid_input", Message: message, Fields: fields}
}

// KindOf is the kind of the first fault in err's chain; Internal when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// CodeOf is the code of the first fault in err's chain; "" when there is none.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// Is says whether err is a fault of kind k.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k && k != Internal }

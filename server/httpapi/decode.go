package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// MaxBody is the largest request body, in bytes.
const MaxBody = 1 << 20

const (
	maxDepth    = 32
	maxMembers  = 10_000 // of one list or object; no kind allows more than 1,000
	maxFaults   = 20     // that one answer lists
	bodyTimeout = 30 * time.Second
)

// decode reads a JSON body strictly into out, a pointer to a wire struct: one value, no unknown or repeated or
// differently spelled field, bounded depth (SEC-28, SEC-60, SEC-62).
func (c *call) decode(out any) error {
	b, err := c.body()
	if err != nil {
		return err
	}
	return decodeStrict(b, out)
}

func (c *call) body() ([]byte, error) { return c.bodyUpTo(MaxBody) }

func (c *call) bodyUpTo(limit int64) ([]byte, error) {
	given := c.GetHeader("Content-Type")
	if given == "application/json" { // as nearly everybody writes it
		return c.read(limit)
	}
	if t, _, err := mime.ParseMediaType(given); err != nil || t != "application/json" && t != "application/merge-patch+json" {
		return nil, errMediaType()
	}
	return c.read(limit)
}

func (c *call) formBody() ([]byte, error) {
	if t, _, err := mime.ParseMediaType(c.GetHeader("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		return nil, errForm()
	}
	return c.read(maxForm)
}

// read takes a body of bounded size in bounded time, if it was not read before.
func (c *call) read(limit int64) ([]byte, error) {
	if c.isRead {
		return c.early, nil
	}
	body := c.Request.Body
	if n := c.Request.ContentLength; n < 1 || n > limit { // net/http lets no more through than was announced
		body = http.MaxBytesReader(c.Writer, body, limit)
	}
	b, err := readBody(body, c.Request.ContentLength)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, fault.New(fault.TooLarge, "body_too_large", "The body is larger than %d bytes.", tooLarge.Limit)
	}
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Code: "body_cut_off", Message: "The body could not be read to its end.", Err: err}
	}
	if c.route == nil || !c.route.brief {
		limitBodyTime(c.Writer, time.Time{})
	}
	return b, nil
}

// limitBodyTime lets reading the request fail after end; the zero time takes the limit away. begin sets it before anything
// looks at the request, and only a body that was read to its end lifts it, but at brief routes: net/http discards what a handler leaves, and
// would wait for ever for one that never comes (SEC-64). A limit for the whole server would cut long polls off too.
func limitBodyTime(w http.ResponseWriter, end time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(end) // a connection that is gone, or a test's recorder, has no deadlines
}

// readBody reads to the end. A short body of a known length gets its room at once; a long one only as it comes, since
// the length is anybody's word.
func readBody(r io.Reader, length int64) ([]byte, error) {
	if length < 1 || length > 16<<10 {
		return io.ReadAll(r)
	}
	b := make([]byte, length) // net/http lets no more through than was announced
	_, err := io.ReadFull(r, b)
	return b, err
}

func decodeStrict(b []byte, out any) error {
	if !utf8.Valid(b) { // the decoder would replace what is wrong, and something else than was sent would be kept
		return fault.New(fault.Invalid, "invalid_json", "The body is not UTF-8.")
	}
	if start := bytes.TrimLeft(b, " \t\r\n"); len(start) > 0 && start[0] != '{' { // null would pass for an object of defaults
		return fault.New(fault.Invalid, "invalid_json", "The body is no JSON object.")
	}
	if !json.Valid(b) {
		return invalidJSON(b)
	}
	if fields, err := unmeant(b, reflect.TypeOf(out).Elem()); err != nil {
		return fault.New(fault.Invalid, "invalid_json", "The body is no valid JSON: %s.", clip(err.Error()))
	} else if len(fields) > 0 {
		return fault.InvalidFields("The body cannot be accepted.", fields)
	}
	err := json.Unmarshal(b, out)
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fault.InvalidFields("The body cannot be accepted.", []fault.Field{{Pointer: "/" + strings.ReplaceAll(t.Field, ".", "/"), Detail: "must be a " + jsonType(t.Type)}})
	}
	if err != nil {
		return fault.New(fault.Invalid, "invalid_input", "The body cannot be accepted: %s.", clip(err.Error()))
	}
	return nil
}

type jsonField struct {
	name     string
	typ      reflect.Type
	optional bool
}

// invalidJSON says what is wrong with a body that is not one JSON value.
func invalidJSON(b []byte) error {
	var first json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&first); err != nil {
		return fault.New(fault.Invalid, "invalid_json", "The body is no valid JSON: %s.", clip(err.Error()))
	}
	return fault.New(fault.Invalid, "invalid_json", "The body holds more than one JSON value.")
}

// fieldsOf gives the JSON fields of a struct, those of embedded structs as its own.
func fieldsOf(t reflect.Type) func(yield func(jsonField) bool) {
	return func(yield func(jsonField) bool) {
		for _, f := range reflect.VisibleFields(t) {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || name == "" || name == "-" {
				continue
			}
			if !yield(jsonField{name, f.Type, strings.Contains(options, "omitempty")}) {
				return
			}
		}
	}
}

func escapePointer(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(clip(s))
}

func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice, reflect.Array:
		return "list"
	case reflect.Map, reflect.Struct:
		return "object"
	default:
		return "number"
	}
}

package httpapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// scan looks for what encoding/json would take and a caller cannot have meant: members that are unknown, repeated or spelled
// in another case. It goes over the bytes of one valid JSON value; as tokens of a Decoder they took longer than all else that the
// handler of a write does.
type scan struct {
	text   []byte
	at     int
	fields []fault.Field
}

// unmeant checks a valid JSON value against the type that it will be read into. Wrong types are left to Unmarshal. The error is about
// the whole.
func unmeant(text []byte, t reflect.Type) ([]fault.Field, error) {
	s := &scan{text: text}
	err := s.value(t, nil, 0)
	return s.fields[:min(len(s.fields), maxFaults)], err
}

// place is where a value lies in a body; it is spelled out only when something is wrong there.
type place struct {
	within *place // nil: the body itself
	key    string
}

// pointer is the place as a JSON pointer (RFC 6901).
func (p *place) pointer() string {
	if p == nil {
		return ""
	}
	return p.within.pointer() + "/" + escapePointer(p.key)
}

// next goes past white space and gives the byte there, which stays the next one.
func (s *scan) next() byte {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// full says that no more faults are listed.
func (s *scan) full() bool { return len(s.fields) >= maxFaults }

func (s *scan) value(t reflect.Type, at *place, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch s.next() {
	case '{':
		return s.object(t, at, depth)
	case '[':
		return s.list(t, at, depth)
	case '"':
		s.str()
	default:
		for s.at < len(s.text) && !strings.ContainsRune(",]} \t\r\n", rune(s.text[s.at])) {
			s.at++
		}
	}
	return nil
}

func (s *scan) list(t reflect.Type, at *place, depth int) error {
	s.at++ // the [
	of := element(t)
	for n := 0; s.next() != ']' && !s.full(); n++ {
		if n == maxMembers {
			return errMembers()
		}
		if err := s.value(of, &place{at, strconv.Itoa(n)}, depth+1); err != nil {
			return err
		}
		s.comma()
	}
	s.at++ // the ]
	return nil
}

func (s *scan) object(t reflect.Type, at *place, depth int) error {
	s.at++ // the {
	known := membersOf(t)
	seen := map[string]bool{}
	for n := 0; s.next() != '}' && !s.full(); n++ {
		if n == maxMembers {
			return errMembers()
		}
		key := s.str()
		here := &place{at, key}
		of, ok := known(key)
		if !ok {
			s.fields = append(s.fields, fault.Field{Pointer: here.pointer(), Detail: "is not a known field, or cannot be written"})
		}
		if seen[key] {
			s.fields = append(s.fields, fault.Field{Pointer: here.pointer(), Detail: "appears twice"})
		}
		seen[key] = true
		s.next()
		s.at++ // the colon
		if err := s.value(of, here, depth+1); err != nil {
			return err
		}
		s.comma()
	}
	s.at++ // the }
	return nil
}

func errMembers() error {
	return fmt.Errorf("it has a list or object of more than %d entries", maxMembers)
}

func (s *scan) comma() {
	if s.next() == ',' {
		s.at++
	}
}

// str goes past a string and gives what it spells.
func (s *scan) str() string {
	from, escaped := s.at, false
	for s.at++; s.at < len(s.text) && s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			escaped = true
			s.at++
		}
	}
	s.at = min(s.at+1, len(s.text))
	if !escaped {
		return string(s.text[from+1 : max(from+1, s.at-1)])
	}
	var spelled string
	_ = json.Unmarshal(s.text[from:s.at], &spelled) // it is valid
	return spelled
}

// element is the type of a list's elements; nil when t is no list.
func element(t reflect.Type) reflect.Type {
	if t != nil && t.Kind() == reflect.Slice {
		return t.Elem()
	}
	return nil
}

// shapes remembers the members of the structs that bodies are read into. They are few, and reflection makes a new list of them each time.
var shapes sync.Map // of map[string]reflect.Type, by the struct's reflect.Type

// membersOf gives what finds the type of an object's member by its exact name; known is false when t is a struct without it.
func membersOf(t reflect.Type) func(key string) (typ reflect.Type, known bool) {
	switch {
	case t != nil && t.Kind() == reflect.Map:
		return func(string) (reflect.Type, bool) { return t.Elem(), true }
	case t == nil || t.Kind() != reflect.Struct:
		return func(string) (reflect.Type, bool) { return nil, true }
	}
	shape, ok := shapes.Load(t)
	if !ok {
		made := map[string]reflect.Type{}
		for f := range fieldsOf(t) {
			if made[f.name] == nil { // one that is embedded comes later
				made[f.name] = f.typ
			}
		}
		shape, _ = shapes.LoadOrStore(t, made)
	}
	members, _ := shape.(map[string]reflect.Type)
	return func(key string) (reflect.Type, bool) {
		typ, known := members[key]
		return typ, known
	}
}

package session

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// What a packed session has besides the fields that all have.
const (
	packsOrigin = 1 << iota
	packsDegraded
)

// packSession writes a session but for its id. ok is false when something would be lost: times are kept in whole milliseconds, as
// everything that makes sessions writes them, and ids and the proof's hash in their bytes.
func packSession(b []byte, s *mdc.Session) (_ []byte, ok bool) {
	p := exactPacker{packer{b: b}, len(s.ProofHash) == 32}
	flags := 0
	if s.Origin != nil {
		flags |= packsOrigin
	}
	if s.DegradedSince != nil {
		flags |= packsDegraded
	}
	p.number(flags)
	p.b = append(p.b, s.ProofHash...)
	p.id(string(s.SSOID))
	for _, t := range [...]string{s.User, s.Store, s.LevelDomain, s.Scheme, s.ClientAddress, s.Rule} {
		p.string(t)
	}
	p.number(s.Level)
	p.number(len(s.Attributes))
	for _, name := range slices.Sorted(maps.Keys(s.Attributes)) { // two nodes pack one session alike
		p.string(name)
		p.string(s.Attributes[name])
	}
	for _, list := range [...][]string{s.Groups, s.Methods, s.Members, s.Chain} {
		p.strings(list)
	}
	p.number(len(s.Index))
	for _, id := range s.Index {
		p.id(string(id))
	}
	if s.Origin != nil {
		p.string(s.Origin.ClusterID)
		p.id(string(s.Origin.SessionID))
	}
	p.since(time.Time{}, s.CreatedAt)
	for _, t := range [...]time.Time{s.AuthenticatedAt, s.ExpiresAt, s.LastAccess} {
		p.since(s.CreatedAt, t)
	}
	if s.DegradedSince != nil {
		p.since(s.CreatedAt, *s.DegradedSince)
	}
	return p.b, p.exact
}

// exactPacker remembers whether all that was written can be read as it was.
type exactPacker struct {
	packer
	exact bool
}

func (p *exactPacker) id(s string) { p.exact = p.packer.id(s) == nil && p.exact }

// since writes a time as what it is later than another, of which the zero one stands for the beginning of Unix time.
func (p *exactPacker) since(begin, t time.Time) {
	p.exact = p.exact && t.Nanosecond()%int(time.Millisecond) == 0
	ms := t.UnixMilli()
	if !begin.IsZero() {
		ms -= begin.UnixMilli()
	}
	p.b = binary.AppendVarint(p.b, ms)
}

// unpackSession reads what packSession wrote; nil when that is damaged.
func unpackSession(id mdc.SessionID, b []byte) *mdc.Session {
	u := &unpacker{b: b}
	flags := u.number()
	s := &mdc.Session{ID: id, ProofHash: append([]byte(nil), u.take(32)...), SSOID: u.ssoID()}
	for _, into := range [...]*string{&s.User, &s.Store, &s.LevelDomain, &s.Scheme, &s.ClientAddress, &s.Rule} {
		*into = u.string()
	}
	s.Level, s.Attributes = u.number(), u.attributes()
	for _, into := range [...]*[]string{&s.Groups, &s.Methods, &s.Members, &s.Chain} {
		*into = u.strings(len(u.b))
	}
	for range min(u.number(), len(u.b)) {
		s.Index = append(s.Index, u.sessionID())
	}
	if flags&packsOrigin != 0 {
		s.Origin = &mdc.Origin{ClusterID: u.string(), SessionID: u.sessionID()}
	}
	s.CreatedAt = u.since(time.Time{})
	for _, into := range [...]*time.Time{&s.AuthenticatedAt, &s.ExpiresAt, &s.LastAccess} {
		*into = u.since(s.CreatedAt)
	}
	if flags&packsDegraded != 0 {
		t := u.since(s.CreatedAt)
		s.DegradedSince = &t
	}
	if !u.done() {
		return nil
	}
	return s
}

func (u *unpacker) attributes() map[string]string {
	n := min(u.number(), len(u.b))
	if n <= 0 {
		return nil
	}
	out := make(map[string]string, n)
	for range n {
		name := u.string()
		out[name] = u.string()
	}
	return out
}

func (u *unpacker) since(begin time.Time) time.Time {
	ms := u.varint()
	if !begin.IsZero() {
		ms += begin.UnixMilli()
	}
	return time.UnixMilli(ms).UTC()
}

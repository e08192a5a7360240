package session

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/slab"
)

// random128 is an id or a proof: 128 random bits.
type random128 [16]byte

func newRandom() (r random128) {
	_, _ = rand.Read(r[:]) // never fails: the runtime ends the process instead
	return r
}

// slab is the same bits as an id of what is packed.
func (r random128) slab() slab.ID { return slab.ID(r) }

// text is the spelling of ids: base64url without padding, 22 characters.
func (r random128) text() string { return base64.RawURLEncoding.EncodeToString(r[:]) }

// parse128 accepts the one spelling that text gives.
func parse128(s string) (r random128, ok bool) {
	if len(s) != 22 {
		return r, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return r, err == nil && copy(r[:], b) == 16 && len(b) == 16
}

// Kinds of sealed payloads, the first byte of each.
const (
	payloadSignIn  = 1
	payloadAgent   = 2
	payloadFlow    = 3
	payloadRequest = 4
	payloadCode    = 5
	payloadForm    = 6
	payloadPending = 7

	payloadInactivity = 8
	payloadDevice     = 9
	payloadProgress   = 10
)

// packer writes fields one behind the other: strings and bytes with their length, times in Unix milliseconds.
type packer struct{ b []byte }

func newPacker(kind byte) *packer { return &packer{b: append(make([]byte, 0, 256), kind)} }

func (p *packer) string(s string) {
	p.b = binary.AppendUvarint(p.b, uint64(len(s)))
	p.b = append(p.b, s...)
}
func (p *packer) number(n int)        { p.b = binary.AppendVarint(p.b, int64(n)) }
func (p *packer) time(t time.Time)    { p.b = binary.AppendVarint(p.b, t.UnixMilli()) }
func (p *packer) random(r random128)  { p.b = append(p.b, r[:]...) }
func (p *packer) hash(h [32]byte)     { p.b = append(p.b, h[:]...) }
func (p *packer) strings(ss []string) { p.number(len(ss)); p.each(ss) }

func (p *packer) each(ss []string) {
	for _, s := range ss {
		p.string(s)
	}
}

// level writes a level and the security domain that it belongs to. One without a domain is written as it was before there were any, so
// that data centers of two versions read each other's.
func (p *packer) level(n int, domain string) {
	if domain == "" {
		p.number(n)
		return
	}
	p.number(-n - 1)
	p.string(domain)
}

// id writes an id in its 16 bytes.
func (p *packer) id(s string) error {
	r, ok := parse128(s)
	if !ok {
		return errors.New("pack id: malformed")
	}
	p.random(r)
	return nil
}

// unpacker reads what a packer wrote. The first fault makes all later reads give zero values; done tells.
type unpacker struct {
	b   []byte
	bad bool
}

func newUnpacker(kind byte, b []byte) *unpacker {
	if len(b) == 0 || b[0] != kind {
		return &unpacker{bad: true}
	}
	return &unpacker{b: b[1:]}
}

func (u *unpacker) take(n int) []byte {
	if u.bad || n < 0 || n > len(u.b) {
		u.bad = true
		return nil
	}
	v := u.b[:n]
	u.b = u.b[n:]
	return v
}

func (u *unpacker) string() string {
	n, used := binary.Uvarint(u.b)
	if u.bad || used <= 0 || n > uint64(len(u.b)) {
		u.bad = true
		return ""
	}
	u.b = u.b[used:]
	return string(u.take(int(n)))
}

func (u *unpacker) varint() int64 {
	n, used := binary.Varint(u.b)
	if u.bad || used <= 0 {
		u.bad = true
		return 0
	}
	u.b = u.b[used:]
	return n
}

func (u *unpacker) level() (n int, domain string) {
	if n = u.number(); n >= 0 {
		return n, ""
	}
	domain = u.string()
	u.bad = u.bad || domain == ""
	return -(n + 1), domain
}

func (u *unpacker) number() int              { return int(u.varint()) }
func (u *unpacker) time() time.Time          { return time.UnixMilli(u.varint()).UTC() }
func (u *unpacker) random() (r random128)    { copy(r[:], u.take(16)); return r }
func (u *unpacker) hash() (h [32]byte)       { copy(h[:], u.take(32)); return h }
func (u *unpacker) sessionID() mdc.SessionID { return mdc.SessionID(u.random().text()) }
func (u *unpacker) ssoID() mdc.SSOID         { return mdc.SSOID(u.random().text()) }

func (u *unpacker) strings(limit int) (ss []string) {
	n := u.number()
	if n < 0 || n > limit {
		u.bad = true
	}
	for i := 0; i < n && !u.bad; i++ {
		ss = append(ss, u.string())
	}
	return ss
}

// done says that every byte was read and none was missing.
func (u *unpacker) done() bool { return !u.bad && len(u.b) == 0 }

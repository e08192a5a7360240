package identity

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Caps of a stored hash. A hash may come with an import or from a partner, so that its parameters are hostile input: they
// decide how much memory and time one check costs. RFC 9106's second choice (64 MiB, t=3, p=4) is still accepted.
const (
	maxPHC      = 512 // bytes of a whole PHC string
	maxMemory   = 64 << 10
	maxPasses   = 10
	maxLanes    = 8
	minSalt     = 8
	minTag      = 16
	maxSaltTag  = 64
	lanesMemory = 8 // KiB of memory for each lane, at least (RFC 9106 section 3.1)
)

var errHash = errors.New("no password hash that Concord accepts: argon2id as a PHC string, bcrypt of cost 14 at most, {SSHA}, {SSHA256} or {SSHA512}")

// parameters of argon2id (RFC 9106 section 3.1).
type parameters struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

// digest is one parsed PHC string.
type digest struct {
	parameters
	salt, tag []byte
}

// encode writes the PHC string, base64 without padding.
func (d digest) encode() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, d.memory, d.passes, d.lanes, b64(d.salt), b64(d.tag))
}

// compute hashes plain as d says.
func (d digest) compute(plain string) []byte {
	return argon2.IDKey([]byte(plain), d.salt, d.passes, d.memory, d.lanes, uint32(len(d.tag)))
}

// fits says, in time that depends on no secret, whether plain gives d's tag.
func (d digest) fits(plain string) bool {
	return subtle.ConstantTimeCompare(d.compute(plain), d.tag) == 1
}

// parse reads a PHC string strictly: one spelling of each value, every parameter within its cap.
func parse(phc string) (digest, error) {
	parts := strings.Split(phc, "$")
	if len(phc) > maxPHC || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" ||
		parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return digest{}, errHash
	}
	p, err := parseParameters(parts[3])
	if err != nil {
		return digest{}, err
	}
	salt, tag, err := parseBytes(parts[4], parts[5])
	if err != nil {
		return digest{}, err
	}
	return digest{parameters: p, salt: salt, tag: tag}, nil
}

func parseParameters(s string) (parameters, error) {
	fields := strings.Split(s, ",")
	if len(fields) != 3 {
		return parameters{}, errHash
	}
	m, okM := number(fields[0], "m=", maxMemory)
	t, okT := number(fields[1], "t=", maxPasses)
	p, okP := number(fields[2], "p=", maxLanes)
	if !okM || !okT || !okP || m < lanesMemory*p {
		return parameters{}, errHash
	}
	return parameters{memory: m, passes: t, lanes: uint8(p)}, nil
}

// number reads prefix and a decimal from 1 to limit, without sign or leading zero.
func number(s, prefix string, limit uint32) (uint32, bool) {
	s, ok := strings.CutPrefix(s, prefix)
	if !ok || s == "" || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && uint32(n) <= limit
}

func parseBytes(salt, tag string) (s, t []byte, err error) {
	b64 := base64.RawStdEncoding.Strict()
	if strings.ContainsAny(salt+tag, "\r\n") { // the decoder skips them
		return nil, nil, errHash
	}
	s, errS := b64.DecodeString(salt)
	t, errT := b64.DecodeString(tag)
	if errS != nil || errT != nil || len(s) < minSalt || len(s) > maxSaltTag || len(t) < minTag || len(t) > maxSaltTag {
		return nil, nil, errHash
	}
	return s, t, nil
}

package seal

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const form = "c1"

// MaxLength is the longest sealed text in bytes: with its name it stays below the 4,096 bytes that browsers keep.
const MaxLength = 3900

// ErrOpen is the one answer to every text that does not open, whatever is wrong with it.
var ErrOpen = errors.New("open sealed text: refused")

// ErrTooLong says that the plain text does not fit MaxLength.
var ErrTooLong = errors.New("seal text: longer than a cookie may be")

// Keysets gives the primitives of the moment. All methods are called for every request and must be cheap.
type Keysets interface {
	// AEAD gives the primitive of one purpose of mdc.Purposes.
	AEAD(purpose string) (tink.AEAD, error)
	// Opener gives the primitive that opens what issuer sealed for purpose with a key, or ErrOpen. It may ask the issuer for a
	// key that is not here, which takes a while and is bounded.
	Opener(purpose, issuer string, key uint32) (tink.AEAD, error)
	// Generation changes whenever a primitive does; what was opened before may not open any more.
	Generation() uint64
}

// Context is what a text is bound to.
type Context struct {
	Purpose string // one of mdc.Purposes
	Agent   string // "" for texts of the sign-in host
	Host    string // host name without port, lower case: cookies ignore ports
}

// associated is the length-prefixed list of everything that is bound: no two contexts have the same bytes.
func (c Context) associated(issuer string) []byte {
	b := make([]byte, 0, 64+len(c.Host))
	for _, s := range [...]string{form, c.Purpose, issuer, c.Agent, c.Host} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// Seal makes the text of plain, issued by the cluster issuer. ErrTooLong when it does not fit.
func Seal(k Keysets, issuer string, c Context, plain []byte) (string, error) {
	a, err := k.AEAD(c.Purpose)
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", c.Purpose, err)
	}
	box, err := a.Encrypt(plain, c.associated(issuer))
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", c.Purpose, err)
	}
	text := form + "." + issuer + "." + base64.RawURLEncoding.EncodeToString(box)
	if len(text) > MaxLength {
		return "", ErrTooLong
	}
	return text, nil
}

// Open gives the plain text and the cluster that issued it, or ErrOpen.
func Open(k Keysets, c Context, text string) (plain []byte, issuer string, err error) {
	issuer, box, ok := split(text)
	if !ok {
		return nil, "", ErrOpen
	}
	key, ok := keyOf(box)
	if !ok {
		return nil, "", ErrOpen
	}
	a, err := k.Opener(c.Purpose, issuer, key)
	if errors.Is(err, ErrOpen) {
		return nil, "", ErrOpen
	}
	if err != nil {
		return nil, "", fmt.Errorf("open %s: %w", c.Purpose, err)
	}
	if plain, err = a.Decrypt(box, c.associated(issuer)); err != nil {
		return nil, "", ErrOpen
	}
	return plain, issuer, nil
}

// keyOf reads the id of the key that sealed a box, behind Tink's first byte.
func keyOf(box []byte) (key uint32, ok bool) {
	if len(box) < 5 || box[0] != 1 {
		return 0, false
	}
	return binary.BigEndian.Uint32(box[1:5]), true
}

// split decodes strictly. Go's decoder skips line ends, so the alphabet is checked first; Strict refuses stray trailing bits.
func split(text string) (issuer string, box []byte, ok bool) {
	if len(text) > MaxLength {
		return "", nil, false
	}
	rest, ok := strings.CutPrefix(text, form+".")
	if !ok {
		return "", nil, false
	}
	issuer, body, ok := strings.Cut(rest, ".")
	if !ok || !mdc.ValidClusterID(issuer) || strings.ContainsAny(body, "\r\n") {
		return "", nil, false
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(body)
	return issuer, box, err == nil
}

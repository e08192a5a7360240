package assertion

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// Times of a signing key. Applications and partners fetch key sets every few minutes; a day leaves room for those that were away.
const (
	keyLife = 30 * 24 * time.Hour // for which a key signs
	ahead   = 24 * time.Hour      // for which it is published before that
	after   = 24 * time.Hour      // and after that
)

// key is one signing key.
type key struct {
	ID      string    `json:"id"`
	Seed    []byte    `json:"seed"`
	SignsAt time.Time `json:"signs_at"` // from when it signs; until then it is only published

	private ed25519.PrivateKey
	header  string // of every token that it signs, encoded
}

// newKey makes a key that signs from a time on.
func newKey(clusterID string, signsAt time.Time) (*key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make assertion key: %w", err)
	}
	k := &key{Seed: private.Seed(), SignsAt: signsAt.UTC().Truncate(time.Second)}
	return k, k.open(clusterID)
}

// open makes the key usable; its id follows from the public half (RFC 7638), behind the cluster id.
func (k *key) open(clusterID string) error {
	if len(k.Seed) != ed25519.SeedSize {
		return fmt.Errorf("open assertion key %s: its length is wrong", k.ID)
	}
	k.private = ed25519.NewKeyFromSeed(k.Seed)
	k.ID = clusterID + "." + thumbprint(k.public().X)
	var err error
	k.header, err = k.headerOf("JWT")
	return err
}

func (k *key) headerOf(typ string) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "EdDSA", "kid": k.ID, "typ": typ})
	return encode(header), err
}

func (k *key) public() Key {
	return Key{KeyType: "OKP", Curve: "Ed25519", Algorithm: "EdDSA", Use: "sig", ID: k.ID, X: encode(k.private[ed25519.SeedSize:])}
}

// sign makes the token of a payload (RFC 7515 section 5.1).
func (k *key) sign(payload []byte) string { return k.signed(k.header, payload) }

// signAs makes a token of another type.
func (k *key) signAs(typ string, payload []byte) (string, error) {
	header, err := k.headerOf(typ)
	return k.signed(header, payload), err
}

func (k *key) signed(header string, payload []byte) string {
	text := header + "." + encode(payload)
	return text + "." + encode(ed25519.Sign(k.private, []byte(text)))
}

// String hides the seed.
func (k *key) String() string { return k.ID }

// Key is a public key as a key set publishes it (RFC 7517, RFC 8037).
type Key struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	ID        string `json:"kid"`
	X         string `json:"x"`
}

// thumbprint is RFC 7638's for an Ed25519 key: the members in their order, hashed.
func thumbprint(x string) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	return encode(sum[:])
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Purposes of join tokens.
const (
	JoinDataCenter    = "data_center"
	JoinNode          = "node"
	JoinAgent         = "agent"
	JoinAdministrator = "administrator"
)

// Bounds of a join token's parts; sizes are bytes.
const (
	JoinSecretSize   = 32
	JoinRootSize     = 32 // SHA-256
	MaxJoinEndpoints = 8

	maxJoinToken = 4096
	maxJoinRoots = 8
)

const joinTokenPrefix = "concord-join-1." // the version of the form

// JoinToken is what the text of a join token says: where the issuing data center is, how to recognise it, and the secret that lets its
// holder in once. The text is a credential: whoever has it first can use it.
type JoinToken struct {
	ID        string   `json:"i"`
	Secret    []byte   `json:"s"`
	Purpose   string   `json:"p"`
	Issuer    string   `json:"c"`           // cluster id of the issuing data center
	Name      string   `json:"n,omitempty"` // of the node, agent or administrator; for a data center its cluster id, "" = any
	Endpoints []string `json:"e"`           // peer listeners of the issuing data center, host:port, in the order to try them
	Roots     [][]byte `json:"r"`           // SHA-256 of the DER of each of its roots
}

// String names the token and keeps its secret.
func (t JoinToken) String() string { return "join token " + t.ID }

// GoString is String, for %#v.
func (t JoinToken) GoString() string { return t.String() }

// Text is the token as it is handed over.
func (t JoinToken) Text() (string, error) {
	type plain JoinToken // without String and its kin
	raw, err := json.Marshal(plain(t))
	if err != nil {
		return "", fmt.Errorf("encode join token: %w", err)
	}
	return joinTokenPrefix + base64.RawURLEncoding.EncodeToString(raw), nil
}

// errNoJoinToken never repeats the text: it may be a token with a slip in it.
var errNoJoinToken = errors.New("this is no join token of this version: it starts with " + joinTokenPrefix + " and is one word; copy it whole")

// ParseJoinToken reads a token's text. Nothing is believed but its form: the secret is the issuing data center's to check.
func ParseJoinToken(text string) (t JoinToken, err error) {
	body, ok := strings.CutPrefix(strings.TrimSpace(text), joinTokenPrefix)
	if !ok || len(text) > maxJoinToken {
		return t, errNoJoinToken
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return t, errNoJoinToken
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	type plain JoinToken
	if err := d.Decode((*plain)(&t)); err != nil || d.More() || !t.sound() {
		return JoinToken{}, errNoJoinToken
	}
	return t, nil
}

func (t JoinToken) sound() bool {
	if t.ID == "" || len(t.ID) > 64 || len(t.Secret) != JoinSecretSize || t.Issuer == "" || len(t.Issuer) > 63 || len(t.Name) > 128 {
		return false
	}
	switch t.Purpose {
	case JoinDataCenter, JoinNode, JoinAgent, JoinAdministrator:
	default:
		return false
	}
	if len(t.Endpoints) == 0 || len(t.Endpoints) > MaxJoinEndpoints || len(t.Roots) == 0 || len(t.Roots) > maxJoinRoots {
		return false
	}
	for _, at := range t.Endpoints {
		if !HostPort(at) {
			return false
		}
	}
	for _, r := range t.Roots {
		if len(r) != JoinRootSize {
			return false
		}
	}
	return true
}

// HostPort says whether s is host:port.
func HostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, wrong := strconv.ParseUint(port, 10, 16)
	return err == nil && wrong == nil && n > 0 && host != "" && len(s) <= 300 && !strings.ContainsAny(s, " /@?#\\\t\r\n")
}

package passphrase

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Labels of what is proved in mode open: the direction is part of it, so that nothing can be sent back to who sent it.
const (
	labelRequest = "request"
	labelAnswer  = "answer"
	labelFrame   = "frame"
)

const nonceSize = 16

// Message is a request as both sides see it.
type Message struct {
	Sender, Receiver string
	Method           string
	Target           string // path with query, as it is on the wire
	Fields           []byte // the headers that are acted upon, by Fields
	Body             []byte // SHA-256

	at    time.Time
	nonce []byte
}

func (m Message) mac(key []byte) []byte {
	return mac(key, []byte(labelRequest), []byte(mdc.FoldName(m.Sender)), []byte(mdc.FoldName(m.Receiver)), []byte(m.Method), []byte(m.Target), m.Fields, m.Body,
		[]byte(strconv.FormatInt(m.at.UnixMilli(), 10)), m.nonce)
}

// Fields joins the headers that a proof covers, in the order of names; each value counts, also that there is none.
func Fields(names []string, values func(name string) []string) []byte {
	var out []byte
	for _, n := range names {
		var all [][]byte
		for _, v := range values(n) {
			all = append(all, []byte(v))
		}
		out = append(out, parts([]byte(n), parts(all...))...)
	}
	return out
}

// Signed is a request's proof, and what the proofs of its answer are made and checked with.
type Signed struct {
	Token string // goes with the request
	key   []byte
	mac   []byte
}

// sign gives m a time and a nonce, and proves it.
func sign(key []byte, m Message, now time.Time) Signed {
	m.at, m.nonce = now, make([]byte, nonceSize)
	_, _ = rand.Read(m.nonce) // never fails
	sum := m.mac(key)
	return Signed{token(m, sum), key, sum}
}

// token writes "1 SENDER RECEIVER MILLISECONDS NONCE BODY MAC". The body's hash is there so that the proof can be checked before
// the body is read.
func token(m Message, sum []byte) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return strings.Join([]string{"1", m.Sender, m.Receiver, strconv.FormatInt(m.at.UnixMilli(), 10), b64(m.nonce), b64(m.Body), b64(sum)}, " ")
}

var errToken = errors.New("the proof cannot be read")

// parseToken reads what came with a request. Nothing of it is believed yet.
func parseToken(s string) (m Message, sum []byte, err error) {
	words := strings.Split(s, " ")
	if len(s) > 512 || len(words) != 7 || words[0] != "1" || !mdc.ValidClusterID(words[1]) || !mdc.ValidClusterID(words[2]) {
		return m, nil, errToken
	}
	ms, err := strconv.ParseInt(words[3], 10, 64)
	if err != nil || ms < 0 || ms > 1<<50 {
		return m, nil, errToken
	}
	m = Message{Sender: words[1], Receiver: words[2], at: time.UnixMilli(ms)}
	for i, to := range []*[]byte{&m.nonce, &m.Body, &sum} {
		*to, err = base64.RawURLEncoding.Strict().DecodeString(words[4+i])
		if want := []int{nonceSize, 32, 32}[i]; err != nil || len(*to) != want {
			return m, nil, errToken
		}
	}
	return m, sum, nil
}

// AnswerToken proves the head of an answer to the request: its status and the headers that are acted upon.
func (s Signed) AnswerToken(status int, fields []byte) string {
	return base64.RawURLEncoding.EncodeToString(s.answer(status, fields))
}

func (s Signed) answer(status int, fields []byte) []byte {
	return mac(s.key, []byte(labelAnswer), s.mac, []byte(strconv.Itoa(status)), fields)
}

// CheckAnswer says whether the head of an answer is the one that was sent to this very request, and gives what its frames are
// checked with.
func (s Signed) CheckAnswer(token string, status int, fields []byte) bool {
	got, err := base64.RawURLEncoding.Strict().DecodeString(token)
	return err == nil && hmac.Equal(got, s.answer(status, fields))
}

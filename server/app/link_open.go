package app

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/passphrase"
)

// openTransport carries requests to one partner without TLS: each proves the passphrase, and of an answer nothing is given on
// that does not (OAM-41).
type openTransport struct {
	gate    *passphrase.Gate
	partner *mdc.Partner
	ours    string
	below   http.RoundTripper
}

// RoundTrip sends a request with its proof. While the former passphrase still counts, one whose answer proves nothing is sent
// once more under that: the partner may not have the new one yet. Every message to a partner may be repeated.
func (t *openTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := wholeBody(req)
	if err != nil {
		return nil, err
	}
	res, err := t.once(req, body, false)
	if fault.CodeOf(err) != passphrase.CodeUnproved {
		return res, err
	}
	if again, formerErr := t.once(req, body, true); formerErr == nil {
		return again, nil
	}
	return nil, err
}

var errNoFormer = errors.New("no former passphrase proves any more")

func wholeBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer req.Body.Close() //nolint:errcheck // only read
	return io.ReadAll(req.Body)
}

func (t *openTransport) once(req *http.Request, body []byte, former bool) (*http.Response, error) {
	sum := sha256.Sum256(body)
	out := req.Clone(req.Context())
	out.Body, out.ContentLength, out.GetBody = http.NoBody, 0, nil
	if len(body) > 0 {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	signed, ok, err := t.gate.Sign(req.Context(), t.partner, passphrase.Message{Method: req.Method, Target: req.URL.RequestURI(),
		Fields: passphrase.Fields(wire.ProvedRequestHeaders(), func(name string) []string { return out.Header.Values(name) }), Body: sum[:]}, former)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoFormer
	}
	out.Header.Set(wire.HeaderProof, signed.Token)
	res, err := t.below.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	return t.checked(req, res, signed)
}

// checked gives the answer with its proved headers alone, and with a body that is proved piece by piece.
func (t *openTransport) checked(req *http.Request, res *http.Response, signed passphrase.Signed) (*http.Response, error) {
	fields := passphrase.Fields(wire.ProvedAnswerHeaders(), func(name string) []string { return res.Header.Values(name) })
	if !signed.CheckAnswer(res.Header.Get(wire.HeaderProof), res.StatusCode, fields) {
		_ = res.Body.Close() // not a byte of it is used
		return nil, t.unproved(res.StatusCode)
	}
	proved := http.Header{}
	for _, name := range wire.ProvedAnswerHeaders() {
		if v := res.Header.Values(name); len(v) > 0 {
			proved[http.CanonicalHeaderKey(name)] = v
		}
	}
	res.Header, res.Trailer = proved, nil
	if !client.HasBody(req.Method, res.StatusCode) {
		_ = res.Body.Close() // there is nothing in it
		res.Body, res.ContentLength = http.NoBody, 0
		return res, nil
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{signed.Body(res.Body), res.Body}
	res.ContentLength = -1
	return res, nil
}

// unproved is a refusal, so that a session is asked for again rather than continued (X3). The status is the only thing of the answer
// that is told, and nothing follows from it.
func (t *openTransport) unproved(status int) error {
	return fault.New(fault.Forbidden, passphrase.CodeUnproved, "%s",
		fmt.Sprintf("What answers at the address of %s (with status %d) does not prove the passphrase that is declared for it. Is %s in mode open as %s is, with the same passphrase in its partner profile, with %s registered there, and do the clocks agree within 30 s?",
			t.partner.ClusterID, status, t.partner.ClusterID, t.ours, t.ours))
}

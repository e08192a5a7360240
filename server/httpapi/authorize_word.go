package httpapi

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// introduce gives what tells an agent's application who asks: in plain headers and, signed, in the assertion.
func (s *Server) introduce(a *mdc.Agent) func(*wire.AuthorizeAnswer, *mdc.Session) error {
	return func(out *wire.AuthorizeAnswer, v *mdc.Session) error {
		signed, err := s.c.Assertions.Assert(a.Name, v)
		if err != nil {
			return err
		}
		out.Headers = withIdentity(out.Headers, v, signed)
		return nil
	}
}

// withIdentity adds what the application is told of a person to what a policy has it told. Names are checked when they are stored, so no
// value can break a line.
func withIdentity(h map[string]string, v *mdc.Session, signed string) map[string]string {
	if h == nil {
		h = make(map[string]string, 4)
	}
	h[wire.HeaderUser], h[wire.HeaderGroups] = v.User, strings.Join(v.Groups, ",")
	h[wire.HeaderLevel], h[wire.HeaderAssertion] = strconv.Itoa(v.Level), signed
	return h
}

// word gives an answer as its bytes; person is who is still to be introduced, or nil. Such an answer, without a cookie, says nothing but
// the session, the agent and the reason, so it is kept beside the assertion that stands
// in it: most requests take it from there. One with headers of policies, or to a program that sent a password, is made anew.
func (s *Server) word(a *mdc.Agent, out *wire.AuthorizeAnswer, person *mdc.Session) (string, error) {
	if person == nil {
		return encoded(out)
	}
	render := func(signed string) (string, error) {
		out.Headers = withIdentity(out.Headers, person, signed)
		return encoded(out)
	}
	if len(out.SetCookies) == 0 && len(out.Headers) == 0 && out.CacheSeconds == 0 && out.WWWAuthenticate == "" && !out.CredentialsUsed {
		return s.c.Assertions.Rendered(a.Name, person, out.Reason, render)
	}
	signed, err := s.c.Assertions.Assert(a.Name, person)
	if err != nil {
		return "", err
	}
	return render(signed)
}

func encoded(out *wire.AuthorizeAnswer) (string, error) {
	b, err := encodeAuthorize(out)
	return string(b), err
}

// answerText writes a body that is JSON already. The header's values are shared by all answers: net/http copies them.
func (s *Server) answerText(c *call, text string) error {
	h := c.Writer.Header()
	h["Cache-Control"], h["Content-Type"] = s.noStore, s.jsonType
	c.Status(http.StatusOK)
	_, _ = io.WriteString(c.Writer, text) // a caller that has left is none of our errors
	return nil
}

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	maxLogoutForm = 8 << 10
	maxSkew       = 30 * time.Second // between two machines' clocks
	maxSSOID      = 128
)

// backchannel takes a data center's word that a sign-on has ended (OpenID Connect Back-Channel Logout 1.0, section 2.8): what is
// remembered of it goes, and what still goes on under it is cut off. It may be said twice.
func (a *Agent) backchannel(w http.ResponseWriter, r *http.Request, id string) {
	w.Header().Set("Cache-Control", "no-store")
	if !allowed(w, r, http.MethodPost) {
		a.refuse(w, r, id, wrongMethod())
		return
	}
	token, err := logoutToken(r)
	if err == nil {
		var claims wire.LogoutToken
		if claims, err = a.verify(r.Context(), token); err == nil {
			a.signOns.end(claims.SignOn, a.cfg.Clock.Now())
			a.cfg.Logger.Info("sign-on ended", "request_id", id, "user", claims.Subject, "told_by", claims.Issuer)
			w.WriteHeader(http.StatusOK)
			return
		}
	}
	if errors.Is(err, errNoServer) || r.Context().Err() != nil {
		a.trouble(w, r, id, err)
		return
	}
	a.cfg.Logger.Warn("logout token refused", "request_id", id, "error", err)
	body, _ := json.Marshal(map[string]string{"error": "invalid_request", "error_description": err.Error()}) // strings always encode
	a.write(w, "application/json", http.StatusBadRequest, body)
}

// logoutToken reads the form's one field.
func logoutToken(r *http.Request) (string, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		return "", errors.New("the body is no form (application/x-www-form-urlencoded)")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxLogoutForm+1))
	if err != nil || len(body) > maxLogoutForm {
		return "", errors.New("the form cannot be read, or is too long")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["logout_token"]) != 1 {
		return "", errors.New("the form does not hold one logout_token")
	}
	return form.Get("logout_token"), nil
}

// verify wants a logout token for this agent, signed by the data center that it names with a key that our servers publish. The key's
// id begins with the cluster id, so no data center speaks for another.
func (a *Agent) verify(ctx context.Context, token string) (claims wire.LogoutToken, err error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return claims, errors.New("the logout_token is no signed token")
	}
	header := signed.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != wire.LogoutTokenType {
		return claims, errors.New("the token's type is not " + wire.LogoutTokenType)
	}
	key, known, err := a.keys.of(ctx, a.servers, header.KeyID)
	if err != nil {
		return claims, err
	}
	if !known {
		return claims, errors.New("the token is signed with a key that no data center publishes")
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return claims, errors.New("the token's signature is wrong")
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return claims, errors.New("the token's claims cannot be read")
	}
	return claims, a.fits(&claims, header.KeyID)
}

func (a *Agent) fits(c *wire.LogoutToken, keyID string) error {
	now := a.cfg.Clock.Now()
	cluster, _, _ := strings.Cut(keyID, ".")
	_, ends := c.Events[wire.BackchannelEvent]
	switch {
	case c.Issuer == "" || c.Issuer != cluster:
		return errors.New("the token is not signed by the data center that it names")
	case c.Audience != a.cfg.Name:
		return errors.New("the token is for another agent")
	case !now.Before(time.Unix(c.ExpiresAt, 0).Add(maxSkew)) || now.Add(maxSkew).Before(time.Unix(c.IssuedAt, 0)):
		return errors.New("the token is not of now: compare the clocks")
	case !ends:
		return errors.New("the token is about no end of a sign-on")
	case c.SignOn == "" || len(c.SignOn) > maxSSOID:
		return errors.New("the token names no sign-on")
	}
	return nil
}

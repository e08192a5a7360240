package session

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

const formLife = time.Hour

// BeginForm makes the hidden field of a form on the sign-in host, bound to a cookie of the browser (SEC-15). cookie is the
// value of FormCookieName that the browser sent, or ""; without a usable one a new cookie is set.
func (e *Engine) BeginForm(cookie string) (token string, setCookies []string, err error) {
	if _, ok := parse128(cookie); !ok {
		cookie = newRandom().text()
		secure := e.signInSecure()
		setCookies = []string{setCookie(FormCookieName(secure), cookie, 0, secure)}
	}
	p := newPacker(payloadForm)
	p.hash(sha256.Sum256([]byte(cookie)))
	p.time(e.now())
	token, err = seal.Seal(e.cfg.Keys, e.cfg.ClusterID, e.requestAt(), p.b)
	return token, setCookies, err
}

// CheckForm says whether a form came from a page of ours in this browser within the hour; a fault of kind Forbidden if not.
func (e *Engine) CheckForm(token, cookie string) error {
	plain, _, err := seal.Open(e.cfg.Keys, e.requestAt(), token)
	if err != nil && !isRefusal(err) {
		return err
	}
	u := newUnpacker(payloadForm, plain)
	bound, issued := u.hash(), u.time()
	want := sha256.Sum256([]byte(cookie))
	if err != nil || !u.done() || !e.within(issued, formLife) || subtle.ConstantTimeCompare(bound[:], want[:]) != 1 {
		return fault.New(fault.Forbidden, "form_expired", "This form is not valid any more. Open the page again and repeat.")
	}
	return nil
}

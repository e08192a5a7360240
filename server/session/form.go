package session

import (
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

const formLife = time.Hour

// Form is what a form of the sign-in host is made with.
type Form struct {
	Token      string // its hidden field
	Cookie     string // value of FormCookieName, which the form is bound to
	SetCookies []string
}

// BeginFormOf is BeginForm that tells the cookie too, for what else is bound to it.
func (e *Engine) BeginFormOf(cookie string) (f Form, err error) {
	if _, ok := parse128(cookie); !ok {
		cookie = newRandom().text()
		secure := e.signInSecure()
		f.SetCookies = []string{setCookie(FormCookieName(secure), cookie, 0, secure)}
	}
	f.Cookie = cookie
	p := newPacker(payloadForm)
	p.hash(sha256.Sum256([]byte(cookie)))
	p.time(e.now())
	f.Token, err = seal.Seal(e.cfg.Keys, e.cfg.ClusterID, e.requestAt(), p.b)
	return f, err
}

// BeginForm makes the hidden field of a form on the sign-in host, bound to a cookie of the browser (SEC-15). cookie is the
// value of FormCookieName that the browser sent, or ""; without a usable one a new cookie is set.
func (e *Engine) BeginForm(cookie string) (token string, setCookies []string, err error) {
	f, err := e.BeginFormOf(cookie)
	return f.Token, f.SetCookies, err
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

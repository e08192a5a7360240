package session

import (
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
)

// deviceLife is how long a browser is remembered after its last sign-in; it is told anew when half of that is over.
const deviceLife = mdc.DeviceLife

// DeviceCookieName is the cookie of the sign-in host by which a browser proves that it signed in to an account before.
func DeviceCookieName(secure bool) string { return prefixed("concord_device", secure) }

func (e *Engine) deviceAt() seal.Context {
	return seal.Context{Purpose: mdc.PurposeDevice, Host: e.signInHost()}
}

// Device reads a device cookie: the browser's id, "" when it does not open, is too old or is another account's. It is no evidence of
// who somebody is, only that guesses of strangers need not be counted against this browser (SEC-32).
func (e *Engine) Device(cookie, identityStore, user string) (id string) {
	id, _ = e.device(cookie, identityStore, user)
	return id
}

func (e *Engine) device(cookie, identityStore, user string) (id string, issued time.Time) {
	if cookie == "" {
		return "", issued
	}
	plain, _, err := seal.Open(e.cfg.Keys, e.deviceAt(), cookie)
	if err != nil {
		return "", issued
	}
	u := newUnpacker(payloadDevice, plain)
	r, store, name, issued := u.random(), u.string(), u.string(), u.time()
	if !u.done() || store != identityStore || !mdc.SameName(name, user) || !e.within(issued, deviceLife) {
		return "", issued
	}
	return r.text(), issued
}

// RememberDevice gives what to set in a browser that signed in; nothing when it has a good cookie of the account already.
func (e *Engine) RememberDevice(cookie, identityStore, user string) (setCookies []string, err error) {
	if id, issued := e.device(cookie, identityStore, user); id != "" && e.within(issued, deviceLife/2) {
		return nil, nil
	}
	p := newPacker(payloadDevice)
	p.random(newRandom())
	p.string(identityStore)
	p.string(user)
	p.time(e.now())
	text, err := seal.Seal(e.cfg.Keys, e.cfg.ClusterID, e.deviceAt(), p.b)
	if err != nil {
		return nil, err
	}
	secure := e.signInSecure()
	return []string{setCookie(DeviceCookieName(secure), text, deviceLife, secure)}, nil
}

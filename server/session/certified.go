package session

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/revocation"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// A sign-on that rests on a certificate ends when that is revoked. The data center where the person signed in remembers which
// certificate it was, whatever becomes of the session, and looks whether it was taken back.

// certifiedEvery is how often it looks: beside it stands only the time in which a partner's revocation list comes here.
const certifiedEvery = 5 * time.Second

// endRevokedCertificate is the reason of such an end.
const endRevokedCertificate = "certificate_revoked"

// Certificate is one that a data center issued for a person; the zero value is none.
type Certificate struct {
	Issuer string   // cluster id of the data center
	Serial *big.Int // nil = none
}

// Certificates says what was taken back, here or by a partner, as far as it is known here. It reads memory.
type Certificates interface {
	Revoked(c Certificate) bool
}

// certifiedPrefix begins "p/ISSUER/SERIAL/SSO": the issuer folded, the serial in decimal. The value is "STORE/USER", for
// the audit.
const certifiedPrefix = "p/"

// text is a certificate as it is kept, "" for none.
func (c Certificate) text() string {
	if c.Serial == nil {
		return ""
	}
	return mdc.FoldName(c.Issuer) + "/" + c.Serial.String()
}

func certificateOf(text string) (c Certificate) {
	issuer, serial, ok := strings.Cut(text, "/")
	n, read := new(big.Int).SetString(serial, 10)
	if !ok || !read {
		return Certificate{}
	}
	return Certificate{issuer, n}
}

// remember notes by which certificate a sign-on was made, in the transaction that makes it.
func (c Certificate) remember(w store.Writer, s *mdc.Session, now time.Time) error {
	if c.Serial == nil {
		return nil
	}
	return w.Put([]byte(certifiedPrefix+c.text()+"/"+string(s.SSOID)), []byte(s.Store+"/"+s.User), ttl(s, now))
}

// certified is one sign-on that rests on a certificate.
type certified struct {
	key         []byte
	sso         mdc.SSOID
	store, user string
}

// EndUncertified ends, everywhere, the sign-ons whose certificate was revoked, and says how many. What is ended already is forgotten.
func (e *Engine) EndUncertified(ctx context.Context) (n int, err error) {
	if e.cfg.Certificates == nil {
		return 0, nil
	}
	over, err := e.uncertified(ctx)
	if err != nil {
		return 0, err
	}
	for _, c := range over {
		if e.log.Denies(c.sso, revocation.UserKey(c.store, c.user), e.now().Add(revocation.MaxLifetime)) { // by its own end, not as one of a user's
			if err := e.uncertify(ctx, c); err != nil {
				return n, err
			}
			continue
		}
		ending := audit.Event{Actor: systemActor, Action: actSignOut, Target: "sign_on/" + string(c.sso), User: c.user, Store: c.store, SignOn: string(c.sso), Reason: endRevokedCertificate}
		unrecorded := e.recordFirst(ctx, ending)
		// How long the session would have lived is not kept: no session lives longer than this.
		_, err := e.revoke(ctx, c.sso, e.now().Add(revocation.MaxLifetime))
		if err = errors.Join(err, unrecorded); err != nil {
			return n, err
		}
		if err := e.uncertify(ctx, c); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (e *Engine) uncertify(ctx context.Context, c certified) error {
	if err := e.cfg.Sessions.Update(ctx, func(w store.Writer) error { return w.Delete(c.key) }); err != nil {
		return fmt.Errorf("forget certificate of %s: %w", c.sso, err)
	}
	return nil
}

// maxUncertified is how many sign-ons one round ends; the next goes on.
const maxUncertified = 1000

// uncertified reads which sign-ons rest on what was revoked. One certificate is asked about once.
func (e *Engine) uncertified(ctx context.Context) (over []certified, err error) {
	err = e.cfg.Sessions.View(ctx, func(r store.Reader) error {
		over = nil
		last, revoked := "", false
		return r.Range(store.Span{Prefix: []byte(certifiedPrefix)}, func(k, v []byte) error {
			text, sso := string(k[len(certifiedPrefix):]), ""
			if i := strings.LastIndexByte(text, '/'); i >= 0 {
				text, sso = text[:i], text[i+1:]
			}
			if text != last {
				last, revoked = text, e.cfg.Certificates.Revoked(certificateOf(text))
			}
			if !revoked {
				return nil
			}
			if len(over) == maxUncertified {
				return store.ErrStop
			}
			identityStore, user, _ := strings.Cut(string(v), "/")
			over = append(over, certified{append([]byte(nil), k...), mdc.SSOID(sso), identityStore, user})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look for sign-ons of revoked certificates: %w", err)
	}
	return over, nil
}

func (e *Engine) endingUncertified(ctx context.Context) {
	if _, err := e.EndUncertified(ctx); err != nil && ctx.Err() == nil {
		e.cfg.Logger.Error("sign-ons of revoked certificates cannot be ended now; tried again", "error", err)
	}
}

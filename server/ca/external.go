package ca

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"go.step.sm/crypto/jose"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
)

// External is a step-ca outside of Concord that signs in the place of the embedded authority. Concord asks it by one-time
// tokens of a JWK provisioner; the roots and the revocation list are its own.
type External struct {
	URL         string // https://host[:port]
	Fingerprint string // SHA-256 of its root in lower-case hex: the one thing that is believed before anything was proved
	Provisioner string // the JWK provisioner's name
	// Password gives what the provisioner's key is encrypted with. It is asked whenever the key is opened.
	Password func() ([]byte, error)
	// Key gives the provisioner's encrypted key; nil = the CA publishes it.
	Key func() ([]byte, error)
	// Dial opens connections to the CA; nil = to any address.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

func (x *External) valid() bool {
	return x.URL != "" && len(x.Fingerprint) == 64 && x.Provisioner != "" && x.Password != nil
}

// external signs by a step-ca. It holds no key but the provisioner's, in memory, and believes no answer: what is signed is
// compared with the order and verified up to the pinned root before anybody sees it.
type external struct {
	config External
	anchor *anchor
	clock  clock.Clock
	logger *slog.Logger
	keep   func(context.Context, *anchor) error // writes what was learned
	http   *http.Client

	issuers atomic.Pointer[[]*x509.Certificate]

	opening sync.Mutex       // guards key
	key     *jose.JSONWebKey // the provisioner's; nil until the CA was asked, and again after it was refused
}

var _ backend = (*external)(nil)

// openExternal speaks to nobody, unless the root is to be fetched: a node starts without its CA.
func openExternal(ctx context.Context, c Config) (*external, error) {
	a, err := openAnchor(ctx, c)
	if err != nil {
		return nil, err
	}
	e := &external{config: *c.External, anchor: a, clock: c.Clock, logger: c.Logger, http: caClient(*c.External, pinned(a.root)),
		keep: func(ctx context.Context, a *anchor) error { return saveAnchor(ctx, c, a) }}
	e.issuers.Store(&a.issuers)
	return e, nil
}

// Issuers implements backend. They are those of the latest signature, and none before the first. Those that have ended are none
// either: the CA surely signs by others now, which the next signature tells.
func (e *external) Issuers() []*x509.Certificate {
	now, all := e.clock.Now(), *e.issuers.Load()
	if slices.ContainsFunc(all, func(c *x509.Certificate) bool { return now.After(c.NotAfter) }) {
		return nil
	}
	return all
}

// Sign implements backend. The token's id is the order's serial, so that the CA itself refuses an order that comes twice.
func (e *external) Sign(ctx context.Context, o order) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, orderLimit)
	defer cancel()
	chain, err := e.sign(ctx, o)
	if errors.Is(err, errUnauthorized) && e.forget() {
		chain, err = e.sign(ctx, o) // the provisioner's key may have been replaced
	}
	if err != nil {
		return nil, err
	}
	if err := e.check(o, chain); err != nil {
		e.undo(ctx, chain[0])
		return nil, err
	}
	e.learn(ctx, chain[1:])
	return chain, nil
}

func (e *external) sign(ctx context.Context, o order) ([]*x509.Certificate, error) {
	token, err := e.signToken(ctx, o)
	if err != nil {
		return nil, err
	}
	ask := signRequest{Request: pemOf("CERTIFICATE REQUEST", o.request.Raw), Token: token, NotAfter: o.notAfter}
	var answer signAnswer
	if err := e.call(ctx, http.MethodPost, "/1.0/sign", ask, &answer); err != nil {
		return nil, e.explain("sign certificate", err)
	}
	return answer.chain()
}

// undo takes back what the CA signed otherwise than asked. Nobody has that certificate; its list shall say so all the same.
func (e *external) undo(ctx context.Context, c *x509.Certificate) {
	end := Revocation{Serial: SerialText(c.SerialNumber), Reason: ReasonCessationOfOperation}
	if err := e.revoke(ctx, end); err != nil {
		e.logger.WarnContext(ctx, "a certificate that was signed otherwise than asked could not be revoked", "serial", end.Serial, "error", err)
	}
}

// Revoke implements backend. What is revoked there already is what was wanted.
func (e *external) Revoke(ctx context.Context, ends []Revocation) error {
	var failed []error
	for _, end := range ends {
		if err := e.revoke(ctx, end); err != nil {
			failed = append(failed, err)
			if errors.Is(err, errUnreachable) {
				break // the others would wait as long
			}
		}
	}
	return errors.Join(failed...)
}

func (e *external) revoke(ctx context.Context, end Revocation) error {
	ctx, cancel := context.WithTimeout(ctx, orderLimit)
	defer cancel()
	serial, ok := new(big.Int).SetString(end.Serial, 16)
	if !ok {
		return errors.New("revoke certificate: the serial on record is no number")
	}
	err := e.revokeOnce(ctx, serial, end.Reason)
	if errors.Is(err, errUnauthorized) && e.forget() {
		err = e.revokeOnce(ctx, serial, end.Reason)
	}
	return err
}

func (e *external) revokeOnce(ctx context.Context, serial *big.Int, why Reason) error {
	token, err := e.revokeToken(ctx, serial)
	if err != nil {
		return err
	}
	ask := revokeRequest{Serial: serial.String(), Token: token, ReasonCode: why.code(), Reason: string(why), Passive: true}
	err = e.call(ctx, http.MethodPost, "/1.0/revoke", ask, nil)
	if refused, ok := errors.AsType[*refusal](err); ok && refused.alreadyRevoked() {
		return nil
	}
	return e.explain("revoke certificate", err)
}

// Close implements backend.
func (e *external) Close() error {
	e.http.CloseIdleConnections()
	return nil
}

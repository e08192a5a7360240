package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// Actor is who acts, for records and audit.
type Actor struct {
	Name      string // "token:bootstrap", "agent:portal"
	RequestID string
	Address   string // that it came from; "" = not known
}

// Request asks for a certificate. Name is for the profiles with a URI, SANs for a web server. With CSR the names may be left
// out: the request's own are taken, and they have to be exactly what the profile allows.
type Request struct {
	Profile Profile
	Name    string
	SANs    []string
	TTL     time.Duration // 0 = the configured life of a leaf
	CSR     string        // PEM; "" lets the server make a key
	// Enrolment says that whoever has a join token asks, and no administrator: an identity that was revoked since the token was
	// made stays refused.
	Enrolment bool
	Once      string // a word of who asks: within an hour the same request with it gets the same certificate; only with CSR; "" = none
}

// Issued is a new certificate. PrivateKeyPEM is set when the server made the key: this is the only time that it is seen.
type Issued struct {
	Record
	PrivateKeyPEM string
}

// Issue checks a request against its profile, records the intent, signs, records the certificate together with the audit
// record, and only then answers. An administrator's issue also lifts a block on the identity; an enrolment does not.
func (a *Authority) Issue(ctx context.Context, by Actor, r Request) (Issued, error) {
	request, key, s, err := a.prepare(r)
	if err != nil {
		return Issued{}, err
	}
	ttl, err := a.life(r.TTL)
	if err != nil {
		return Issued{}, err
	}
	again, err := onceFor(by, r)
	if err != nil {
		return Issued{}, err
	}
	rec := Record{Profile: r.Profile, Identity: s.id, Names: s.names, IssuedBy: by.Name}
	rec, err = a.produce(ctx, rec, s, request, ttl, act{by: by, action: "issue", lift: !r.Enrolment, once: again})
	if made, ok := errors.AsType[*madeBefore](err); ok {
		return Issued{Record: made.rec}, nil
	}
	if err != nil {
		return Issued{}, err
	}
	return issued(rec, key)
}

// Check says what Issue would refuse about a request by itself, and signs nothing.
func (a *Authority) Check(r Request) error {
	if _, _, _, err := a.prepare(r); err != nil {
		return err
	}
	_, err := a.life(r.TTL)
	return err
}

// Renew signs anew what this authority issued and still stands by: for the key of csr, or for a fresh one that the server
// makes when csr is empty. The old certificate goes on until it ends. Nothing else can be renewed: not one of another
// authority, not one that ended or was revoked, not one whose identity was revoked since.
func (a *Authority) Renew(ctx context.Context, by Actor, serial, csr string) (Issued, error) {
	old, err := a.Certificate(ctx, serial)
	if err != nil {
		return Issued{}, err
	}
	return a.renew(ctx, by, old, csr)
}

// RenewPresented is Renew for a caller who showed c itself: the bytes must be the ones that were issued under its serial, so
// that a certificate that another authority made up with a serial of ours renews nothing.
func (a *Authority) RenewPresented(ctx context.Context, by Actor, c *x509.Certificate, csr string) (Issued, error) {
	old, err := a.Recognise(ctx, c)
	if err != nil {
		return Issued{}, err
	}
	return a.renew(ctx, by, old, csr)
}

func (a *Authority) renew(ctx context.Context, by Actor, old Record, csr string) (Issued, error) {
	leaf, err := a.renewable(old)
	if err != nil {
		return Issued{}, err
	}
	if old.Node == a.config.NodeName {
		return Issued{}, fault.New(fault.Conflict, "own_certificate", "This node renews its own certificates by itself; revoke one to have it replaced at once.")
	}
	s := shape{id: old.Identity, common: leaf.Subject.CommonName, names: old.Names, usage: old.Profile.usage()}
	request, key, err := requestFor(s, csr)
	if err != nil {
		return Issued{}, err
	}
	rec := Record{Profile: old.Profile, Identity: old.Identity, Names: old.Names, IssuedBy: by.Name, Renews: old.Serial}
	rec, err = a.produce(ctx, rec, s, request, old.life(), act{by: by, action: "renew"})
	if err != nil {
		return Issued{}, err
	}
	return issued(rec, key)
}

// renewable gives the certificate of a record that may be renewed.
func (a *Authority) renewable(old Record) (*x509.Certificate, error) {
	switch old.Status(a.config.Clock.Now()) {
	case StatusRevoked:
		return nil, fault.New(fault.Conflict, "certificate_revoked", "This certificate was revoked and is not renewed. An administrator has to issue a new one.")
	case StatusExpired:
		return nil, fault.New(fault.Conflict, "certificate_expired", "This certificate has expired and is not renewed. An administrator has to issue a new one.")
	case StatusPending:
		return nil, noSuchCertificate()
	}
	c, err := x509.ParseCertificate(old.Certificate)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", old.Serial, err)
	}
	return c, nil
}

// prepare makes or checks the certificate request.
func (a *Authority) prepare(r Request) (*x509.CertificateRequest, crypto.Signer, shape, error) {
	if r.CSR == "" {
		s, err := r.Profile.shape(a.config.ClusterID, r.Name, r.SANs)
		if err != nil {
			return nil, nil, shape{}, err
		}
		request, key, err := requestFor(s, "")
		return request, key, s, err
	}
	request, err := parseRequest(r.CSR)
	if err != nil {
		return nil, nil, shape{}, err
	}
	s, err := a.shapeOf(r, request)
	return request, nil, s, err
}

// shapeOf is the shape that r asks for by its own names or, where it gives none, by its certificate request's. Both have to
// be the same: a request that says more than it is given would mislead whoever made it.
func (a *Authority) shapeOf(r Request, request *x509.CertificateRequest) (shape, error) {
	names := requestNames(request)
	if r.Name == "" && len(r.SANs) == 0 {
		if r.SANs = names; len(names) == 0 && r.Profile == ProfileWebServer { // openssl's -subj alone makes such a one
			return shape{}, invalid("/csr_pem", "has no subject alternative name, and its common name does not count; put 1 to 64 DNS names or IP addresses there")
		}
		if prefix := Identity(a.config.ClusterID, r.Profile, ""); r.Profile.folder() != "" {
			if len(names) != 1 || len(names[0]) <= len(prefix) || names[0][:len(prefix)] != prefix {
				return shape{}, invalid("/csr_pem", "has to carry exactly one name, a URI that starts with "+prefix)
			}
			r.Name = names[0][len(prefix):]
		}
	}
	s, err := r.Profile.shape(a.config.ClusterID, r.Name, r.SANs)
	if err != nil {
		return shape{}, err
	}
	return s, sameNames(s, names)
}

func sameNames(s shape, names []string) error {
	if slices.Equal(s.names, names) {
		return nil
	}
	return invalid("/csr_pem", "has to carry exactly the names of the certificate as subject alternative names: "+clip(fmt.Sprint(s.names)))
}

// requestFor gives the request for a certificate of shape s: csr's, or one for a key that is made here.
func requestFor(s shape, csr string) (*x509.CertificateRequest, crypto.Signer, error) {
	if csr != "" {
		request, err := parseRequest(csr)
		if err != nil {
			return nil, nil, err
		}
		return request, nil, sameNames(s, requestNames(request))
	}
	key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	request, err := newRequest(s, key)
	return request, key, err
}

// life checks how long a certificate is to live.
func (a *Authority) life(ttl time.Duration) (time.Duration, error) {
	if ttl == 0 {
		return a.config.LeafTTL, nil
	}
	if ttl < minLeafTTL || ttl > maxLeafTTL {
		return 0, invalid("/ttl", "has to be between one minute and 90 days")
	}
	return ttl, nil
}

// act is what goes with a certificate into its transaction.
type act struct {
	by     Actor
	action string
	once   *once                                       // makes the request one that may be repeated; may be nil
	lift   bool                                        // lifts a block on the identity; without it a block refuses
	also   func(store.Writer, *x509.Certificate) error // what else goes with it; may be nil
	own    bool                                        // a leaf of this node: nobody acted, and a block does not keep the holder of the authority from it
}

// produce is the only way to a certificate: intent, signature, record.
func (a *Authority) produce(ctx context.Context, rec Record, s shape, r *x509.CertificateRequest, ttl time.Duration, t act) (Record, error) {
	o, err := a.order(s, r, ttl)
	if err != nil {
		return Record{}, err
	}
	rec.Serial, rec.NotBefore, rec.NotAfter, rec.IssuedAt = SerialText(o.serial), o.notBefore, o.notAfter, a.config.Clock.Now().UTC()
	if err := a.intend(ctx, rec, t); err != nil {
		return Record{}, err
	}
	failpoint.Here("ca.intended")
	chain, err := a.backend.Sign(ctx, o)
	if errors.Is(err, errUncertain) {
		return Record{}, err // the sweep revokes the serial
	}
	if err != nil {
		return Record{}, errors.Join(err, a.abandon(ctx, rec))
	}
	if !o.fits(chain[0]) {
		return Record{}, errors.New("sign certificate: what came back is not what was ordered; it stays recorded as pending")
	}
	failpoint.Here("ca.signed")
	return a.record(ctx, rec, chain, t)
}

// intend records that a certificate is about to be signed.
func (a *Authority) intend(ctx context.Context, rec Record, t act) error {
	err := a.config.Store.Update(ctx, func(w store.Writer) error {
		if err := a.inForce(w); err != nil {
			return err
		}
		if err := a.permitted(w, rec, t); err != nil {
			return err
		}
		if t.once != nil {
			if err := t.once.claim(w, rec.Serial); err != nil {
				return err
			}
		}
		return a.putIntent(w, rec)
	})
	if err != nil {
		return fmt.Errorf("record intent: %w", err)
	}
	return nil
}

// record puts the certificate in the place of the intent. What became forbidden meanwhile, by a revocation that overtook
// the signature, is not handed out: the intent stays, and ends as a revoked serial.
func (a *Authority) record(ctx context.Context, intent Record, chain []*x509.Certificate, t act) (Record, error) {
	rec := completed(intent, chain)
	err := a.config.Store.Update(ctx, func(w store.Writer) error {
		if err := a.permitted(w, rec, t); err != nil {
			return err
		}
		if err := a.dropIntent(w, intent); err != nil {
			return err
		}
		if t.also != nil {
			if err := t.also(w, chain[0]); err != nil {
				return err
			}
		}
		if err := t.once.moved(w, intent.Serial, rec.Serial); err != nil {
			return err
		}
		return a.putIssued(w, rec, t)
	})
	if err != nil {
		return Record{}, fmt.Errorf("record certificate: %w", err)
	}
	a.noteFormer(rec)
	return rec, nil
}

func (a *Authority) putIssued(w store.Writer, rec Record, t act) error {
	if err := errors.Join(putChain(w, rec), a.putRecord(w, rec)); err != nil {
		return err
	}
	if t.lift {
		if err := lift(w, rec.Identity); err != nil {
			return err
		}
	}
	return a.note(w, t, "certificate/"+rec.Serial+" "+rec.Identity)
}

// note writes the audit record of an act into its transaction.
func (a *Authority) note(w store.Writer, t act, target string) error {
	if t.own || a.config.Audit == nil {
		return nil
	}
	return a.config.Audit.Append(w, audit.Event{Actor: t.by.Name, Action: t.action, Target: target, RequestID: t.by.RequestID, Address: t.by.Address})
}

func issued(rec Record, key crypto.Signer) (Issued, error) {
	if key == nil {
		return Issued{Record: rec}, nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Issued{}, fmt.Errorf("encode private key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	clear(der)
	return Issued{Record: rec, PrivateKeyPEM: string(text)}, nil
}

package ca_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/ca/catest"
)

// portalOrder asks for the certificate of an agent that may be asked for again.
func portalOrder(t *testing.T) ca.Request {
	t.Helper()
	return ca.Request{Profile: ca.ProfileAgent, CSR: request(t, nil, x509.CertificateRequest{URIs: uris(t, "spiffe://nydc/agent/portal")}), Once: "0123456789abcdef"}
}

// standing has r answered with one certificate that holds, however often it is sent.
func (b *bench) standing(t *testing.T, a *ca.Authority, r ca.Request) ca.Issued {
	t.Helper()
	made, err := a.Issue(t.Context(), root, r)
	if err != nil || made.Status(b.clock.Now()) != ca.StatusValid {
		t.Fatalf("%+v %v", made.Record, err)
	}
	again, err := a.Issue(t.Context(), root, r)
	if err != nil || !bytes.Equal(again.Certificate, made.Certificate) {
		t.Fatalf("once more: %+v %v", again.Record, err)
	}
	return made
}

// TestAnOrderThatLeftNoCertificate is made anew when it is repeated: after its record failed and the node started again (SEC-49). While
// nobody knows whether it is signed it waits, and gets no second certificate.
func TestAnOrderThatLeftNoCertificate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	broken := &nth{Store: b.config.Store}
	b.config.Store = broken
	a := b.open(t)
	r := portalOrder(t)
	broken.fail.Store(broken.count.Load() + 2)
	if _, err := a.Issue(t.Context(), root, r); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	if _, err := a.Issue(t.Context(), root, r); fault.CodeOf(err) != "issuing" || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("while it may be signed: %v", err)
	}
	closed(t, a)
	b.standing(t, b.open(t), r)
}

// TestAnOrderThatWasTooSlow gets its certificate when it is repeated, as its refusal says (SEC-49).
func TestAnOrderThatWasTooSlow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	inner := b.config.Store
	slow := &between{Store: inner}
	b.config.Store = slow
	a := b.open(t)
	r := portalOrder(t)
	slow.then(2, func() {
		other := *b
		other.config.Store = inner
		closed(t, other.open(t)) // another process sweeps up what is under way
	})
	if _, err := a.Issue(t.Context(), root, r); fault.CodeOf(err) != "issuing_too_slow" {
		t.Fatal(err)
	}
	b.standing(t, a, r)
}

// TestAnOrderWhoseCertificateWasRevoked is refused when it is repeated; another key gets another certificate (SEC-49).
func TestAnOrderWhoseCertificateWasRevoked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.open(t)
	r := portalOrder(t)
	made := b.standing(t, a, r)
	if _, err := a.Revoke(t.Context(), root, ca.Withdrawal{Serials: []string{made.Serial}}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Issue(t.Context(), root, r); fault.CodeOf(err) != "certificate_revoked" || fault.KindOf(err) != fault.Conflict {
		t.Errorf("repeated: %v", err)
	}
	r.Once += "-"
	b.standing(t, a, r)
}

// TestAnOrderWithASerialOfTheAuthority: the external authority takes no serial from Concord, and a repeated order still finds its
// certificate (SEC-49).
func TestAnOrderWithASerialOfTheAuthority(t *testing.T) {
	t.Parallel()
	b := externalBench(t, stepCA(t, catest.Options{OwnSerials: true}))
	b.standing(t, b.open(t), portalOrder(t))
}

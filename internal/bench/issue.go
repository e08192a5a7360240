package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/concord-access/terraform-provider-concord/server/ca"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

const (
	issueRounds   = 7
	issueCallers  = 256
	issueRequests = 128  // different ones, used in turns
	issueCount    = 4096 // certificates a round
)

// issueCertificate measures how many certificates an authority gives out a second, each with its intent and its record on
// the disk, beside what reading a request, checking it and signing a certificate take.
func issueCertificate(ctx context.Context, s *stage) (err error) {
	requests, err := certificateRequests()
	if err != nil {
		return err
	}
	floor, err := newSignatures()
	if err != nil {
		return err
	}
	db, err := badger.Open(badger.Config{Dir: filepath.Join(s.dir, "state"), // with its head record, as a server opens it
		Mirror: &badger.MirrorConfig{Path: filepath.Join(s.dir, "head"), Key: journal.PositionKey()}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	a, err := ca.Open(ctx, ca.Config{ClusterID: "NYDC", NodeName: "n1", Store: db, Wrapper: plainKey{}, Audit: audit.New("NYDC", clock.System{})})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	var rounds []pair
	for range issueRounds {
		ours, err := perSecond(func(n int) error {
			_, err := a.Issue(ctx, ca.Actor{Name: "bench"}, ca.Request{Profile: ca.ProfileAgent, CSR: requests[n%issueRequests]})
			return err
		})
		if err != nil {
			return err
		}
		bare, err := perSecond(func(n int) error { return floor.sign(requests[n%issueRequests]) })
		if err != nil {
			return err
		}
		rounds = append(rounds, pair{ours, bare})
	}
	s.report.add(judge("issue-certificate", "1/s", rounds, goal{true, 0.5}))
	return nil
}

// perSecond lets all callers do issueCount things and gives how many that is a second.
func perSecond(do func(n int) error) (float64, error) {
	begin := time.Now()
	var all errgroup.Group
	for first := range issueCallers {
		all.Go(func() error {
			for n := first; n < issueCount; n += issueCallers {
				if err := do(n); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return 0, fmt.Errorf("issue certificate: %w", err)
	}
	return issueCount / time.Since(begin).Seconds(), nil
}

func certificateRequests() ([]string, error) {
	out := make([]string, issueRequests)
	for n := range out {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make key: %w", err)
		}
		id := &url.URL{Scheme: "spiffe", Host: "nydc", Path: fmt.Sprintf("/agent/a%d", n)}
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: []*url.URL{id}}, key)
		if err != nil {
			return nil, fmt.Errorf("make request: %w", err)
		}
		out[n] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	}
	return out, nil
}

// signatures is the floor: a request is read and checked, and a certificate signed.
type signatures struct {
	issuer *x509.Certificate
	key    crypto.Signer
}

func newSignatures() (*signatures, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "floor"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte("floor")}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make issuer: %w", err)
	}
	issuer, err := x509.ParseCertificate(der)
	return &signatures{issuer, key}, err
}

func (f *signatures) sign(text string) error {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return errors.New("no request")
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return fmt.Errorf("read request: %w", err)
	}
	if err := r.CheckSignature(); err != nil {
		return fmt.Errorf("check request: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return fmt.Errorf("draw serial: %w", err)
	}
	t := &x509.Certificate{SerialNumber: serial, NotBefore: time.Now(), NotAfter: time.Now().Add(24 * time.Hour), URIs: r.URIs,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true}
	if _, err := x509.CreateCertificate(rand.Reader, t, f.issuer, r.PublicKey, f.key); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	return nil
}

// plainKey stands for the node's key: keys are wrapped when the authority is made, which is not measured.
type plainKey struct{}

// Wrap implements ca.Wrapper.
func (plainKey) Wrap(plain, _ []byte) ([]byte, error) { return append([]byte{}, plain...), nil }

// Unwrap implements ca.Wrapper.
func (plainKey) Unwrap(sealed, _ []byte) ([]byte, error) { return append([]byte{}, sealed...), nil }

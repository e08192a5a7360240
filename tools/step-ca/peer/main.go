// Command peer has a step-ca sign a certificate by step's own client, package ca of smallstep, and goes where it is told to with the TLS
// configuration that this client makes of it. The tests of the server run it: it stands for a node, an agent and an administrator of
// another make. It is of the module that builds step-ca, since the server does not link that package.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/smallstep/certificates/api"
	"github.com/smallstep/certificates/ca"
	"go.step.sm/crypto/jose"
)

// order is what is read from the standard input.
type order struct {
	URL         string   `json:"url"`
	Fingerprint string   `json:"fingerprint"`
	Provisioner string   `json:"provisioner"`
	Password    string   `json:"password"`
	Name        string   `json:"name"`  // the URI name to ask for
	Usage       []string `json:"usage"` // as step's templates spell them
	Visit       string   `json:"visit"` // where to go with the certificate
	Method      string   `json:"method"`
	Body        string   `json:"body"`
	RootPEM     string   `json:"root_pem"` // of a server that is known by this root and its URI name; "" = by step's root and its host
	ServerName  string   `json:"server_name"`
}

// answer is what is written to the standard output.
type answer struct {
	Status int    `json:"status"`
	Proto  string `json:"proto"`
	Body   string `json:"body"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	config, err := o.config(ctx)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, o.Method, o.Visit, strings.NewReader(o.Body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer{res.StatusCode, res.Proto, string(body)})
}

// config is what step's client makes of what the CA signed.
func (o order) config(ctx context.Context) (*tls.Config, error) {
	client, err := ca.NewClient(o.URL, ca.WithRootSHA256(o.Fingerprint))
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	name, err := url.Parse(o.Name)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: o.Name}, URIs: []*url.URL{name}}, key)
	if err != nil {
		return nil, err
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, err
	}
	token, err := o.token(client)
	if err != nil {
		return nil, err
	}
	signed, err := client.SignWithContext(ctx, &api.SignRequest{CsrPEM: api.NewCertificateRequest(request), OTT: token})
	if err != nil {
		return nil, err
	}
	config, err := client.GetClientTLSConfig(ctx, signed, key)
	if err != nil || o.RootPEM == "" {
		return config, err
	}
	return o.spiffe(config.Clone())
}

// spiffe knows the server by its root and its URI name, as data centers know one another: it has no host name.
func (o order) spiffe(config *tls.Config) (*tls.Config, error) {
	block, _ := pem.Decode([]byte(o.RootPEM))
	if block == nil {
		return nil, errors.New("root_pem has no certificate")
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(cs tls.ConnectionState) error {
		between := x509.NewCertPool()
		for _, c := range cs.PeerCertificates[1:] {
			between.AddCert(c)
		}
		leaf := cs.PeerCertificates[0]
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
			return err
		}
		if len(leaf.URIs) != 1 || leaf.URIs[0].String() != o.ServerName {
			return fmt.Errorf("the server is %v, not %s", leaf.URIs, o.ServerName)
		}
		return nil
	}
	return config, nil
}

// token is what `step ca token` makes, with the claims that the template of Concord's provisioner takes.
func (o order) token(client *ca.Client) (string, error) {
	page, err := client.Provisioners(ca.WithProvisionerName(o.Provisioner))
	if err != nil {
		return "", err
	}
	for _, p := range page.Provisioners {
		kid, sealed, ok := p.GetEncryptedKey()
		if !ok || p.GetName() != o.Provisioner {
			continue
		}
		raw, err := jose.Decrypt([]byte(sealed), jose.WithPassword([]byte(o.Password)))
		if err != nil {
			return "", err
		}
		var key jose.JSONWebKey
		if err := json.Unmarshal(raw, &key); err != nil {
			return "", err
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key.Key}, new(jose.SignerOptions).WithType("JWT").WithHeader("kid", kid))
		if err != nil {
			return "", err
		}
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
		if err != nil {
			return "", err
		}
		now := time.Now()
		return jose.Signed(signer).Claims(jose.Claims{ID: rand.Text(), Issuer: o.Provisioner, Subject: o.Name, Audience: jose.Audience{o.URL + "/1.0/sign"},
			IssuedAt: jose.NewNumericDate(now), NotBefore: jose.NewNumericDate(now), Expiry: jose.NewNumericDate(now.Add(2 * time.Minute))}).
			Claims(map[string]any{"sans": []string{o.Name}, "sha": o.Fingerprint, "common": o.Name, "usage": o.Usage, "serial": serial.String()}).CompactSerialize()
	}
	return "", errors.New("the CA publishes no key of that provisioner")
}

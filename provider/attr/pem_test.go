package attr_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/provider/attr"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestPEMMeaning(t *testing.T) {
	a, b := certificate(t), certificate(t)
	cases := map[string]struct {
		text string
		same bool
	}{
		"itself":          {a + b, true},
		"other line ends": {strings.ReplaceAll(a+b, "\n", "\r\n"), true},
		"white space":     {"\n\n  " + a + "\n" + strings.TrimSpace(b), true},
		"other order":     {b + a, false},
		"one less":        {a, false},
		"no PEM":          {"a", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, _ := attr.PEMValue(a+b).StringSemanticEquals(t.Context(), attr.PEMValue(tc.text)); got != tc.same {
				t.Errorf("got %t", got)
			}
		})
	}
}

// TestPEMIsTheServers: plan and server agree on what a certificate is, and no text is repeated (SEC-68).
func TestPEMIsTheServers(t *testing.T) {
	a := certificate(t)
	key := "-----BEGIN PRIVATE KEY-----\nHunter2x\n-----END PRIVATE KEY-----\n"
	cases := map[string]string{
		"certificate": a, "eight": strings.Repeat(a, 8), "nine": strings.Repeat(a, 9), "empty": "", "blank": " \n", "text": "Hunter2x", "text before": "Hunter2x\n" + a,
		"text behind": a + "Hunter2x", "key": key, "key behind": a + key, "other block": "-----BEGIN Hunter2x-----\nAAAA\n-----END Hunter2x-----\n",
		"no certificate in it": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "too long": strings.Repeat(" ", mdc.MaxTrustedPEM) + a,
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := mdc.ParseCertificates(text)
			d := check(attr.PEMValue(text))
			if d.HasError() != (err != nil) {
				t.Errorf("plan refuses %t (%v), server %v", d.HasError(), d, err)
			}
			for _, one := range d {
				if strings.Contains(one.Detail()+one.Summary(), "Hunter2x") {
					t.Errorf("the text is repeated: %s", one.Detail())
				}
			}
		})
	}
}

// Package privatekey tells a private key from what was meant to be pasted. The server, the command line and the provider ask it
// before they read a certificate, so that a key that was taken for one is refused where it is, and repeated nowhere (SEC-68).
package privatekey

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"strings"
)

// In says whether a text that was pasted holds a private key, as far as that can be told: PEM of any kind, also
// encrypted, OpenSSH's and PuTTY's files, and DER, bare or as base64 without its frame (SEC-68).
func In(text string) bool {
	upper := strings.ToUpper(text)
	if strings.Contains(upper, "PRIVATE KEY") || strings.Contains(upper, "PUTTY-USER-KEY-FILE") || isKey([]byte(text)) {
		return true
	}
	bare := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n=", r) {
			return -1
		}
		return r
	}, text)
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if der, err := e.DecodeString(bare); err == nil && isKey(der) {
			return true
		}
	}
	return false
}

func isKey(der []byte) bool {
	if bytes.HasPrefix(der, []byte("openssh-key-v1")) {
		return true
	}
	if len(der) == 0 || der[0] != 0x30 { // each of the others is a SEQUENCE (X.690 section 8.9), and to find that out by their readers costs a hundred times as much
		return false
	}
	_, pkcs8 := x509.ParsePKCS8PrivateKey(der)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(der)
	_, ec := x509.ParseECPrivateKey(der)
	return pkcs8 == nil || pkcs1 == nil || ec == nil || encryptedKey(der)
}

// encryptedKey says whether der is a PKCS #8 EncryptedPrivateKeyInfo: it names PBES1 or PBES2, which no certificate does first.
func encryptedKey(der []byte) bool {
	pkcs5 := []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05}
	return len(der) > 32 && bytes.Contains(der[:24], pkcs5)
}

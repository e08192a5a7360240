package ca

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"go.step.sm/crypto/jose"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

const (
	maxProvisionerPages = 20
	provisionersAPage   = 100 // as many as step-ca gives
	maxKeyTries         = 8   // encrypted keys of one name that a password is tried on: each try is slow on purpose
)

// provisionerPage is what step-ca tells of its provisioners, as far as it is of interest here.
type provisionerPage struct {
	Provisioners []provisionerEntry `json:"provisioners"`
	Next         string             `json:"nextCursor"`
}

type provisionerEntry struct {
	Type         string `json:"type"`
	Name         string `json:"name"`
	EncryptedKey string `json:"encryptedKey"`
}

// signingKey is the provisioner's key: opened once, and again after the CA has refused it.
func (e *external) signingKey(ctx context.Context) (*jose.JSONWebKey, error) {
	e.opening.Lock()
	defer e.opening.Unlock()
	if e.key != nil {
		return e.key, nil
	}
	sealed, err := e.sealedKeys(ctx)
	if err != nil {
		return nil, err
	}
	key, err := e.openKey(sealed)
	if err != nil {
		return nil, err
	}
	e.key = key
	return key, nil
}

// forget drops a key that the CA refused, and says whether there was one.
func (e *external) forget() bool {
	e.opening.Lock()
	defer e.opening.Unlock()
	had := e.key != nil
	e.key = nil
	return had
}

// sealedKeys are the encrypted keys that may be the provisioner's: the one that Concord was given, or what the CA publishes
// under its name.
func (e *external) sealedKeys(ctx context.Context) ([]string, error) {
	if e.config.Key != nil {
		raw, err := e.config.Key()
		if err != nil {
			return nil, fmt.Errorf("read provisioner's key: %w", err)
		}
		return []string{string(bytes.TrimSpace(raw))}, nil
	}
	var found []string
	cursor, seen := "", false
	for range maxProvisionerPages {
		var page provisionerPage
		path := fmt.Sprintf("/1.0/provisioners?limit=%d&cursor=%s", provisionersAPage, url.QueryEscape(cursor))
		if err := e.call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return nil, e.explain("list provisioners", err)
		}
		for _, p := range page.Provisioners {
			if p.Name != e.config.Provisioner || p.Type != "JWK" {
				continue
			}
			seen = true
			if p.EncryptedKey != "" && len(found) < maxKeyTries {
				found = append(found, p.EncryptedKey)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(found) == 0 {
		return nil, e.noKey(seen)
	}
	return found, nil
}

func (e *external) noKey(seen bool) error {
	if seen {
		return fault.New(fault.Conflict, "ca_no_key", "The certificate authority %s does not publish the key of provisioner %q. Give it to Concord by provisioner_key_file.", e.config.URL, e.config.Provisioner)
	}
	return fault.New(fault.Conflict, "ca_no_provisioner", "The certificate authority %s has no JWK provisioner %q. Add it there, or correct provisioner.", e.config.URL, e.config.Provisioner)
}

// openKey tries the password on each key. What goes wrong with one is not told apart: a wrong password looks like damage.
func (e *external) openKey(sealed []string) (*jose.JSONWebKey, error) {
	password, err := e.config.Password()
	if err != nil {
		return nil, fmt.Errorf("read provisioner's password: %w", err)
	}
	defer clear(password)
	for _, s := range sealed {
		if key, err := decryptKey(s, bytes.TrimRight(password, "\r\n")); err == nil {
			return key, nil
		}
	}
	return nil, fault.New(fault.Conflict, "ca_password", "The password in provisioner_password_file does not open the key of provisioner %q of %s.", e.config.Provisioner, e.config.URL)
}

// decryptKey opens a JWK in the form that step's tools write (RFC 7517 section 7). The library bounds the work that its
// author can ask for.
func decryptKey(sealed string, password []byte) (*jose.JSONWebKey, error) {
	if len(sealed) > maxAnswer {
		return nil, errors.New("the encrypted key is too long")
	}
	box, err := jose.ParseEncrypted(sealed)
	if err != nil {
		return nil, fmt.Errorf("read encrypted key: %w", err)
	}
	plain, err := box.Decrypt(password)
	if err != nil {
		return nil, fmt.Errorf("open encrypted key: %w", err)
	}
	defer clear(plain)
	key := new(jose.JSONWebKey)
	if err := json.Unmarshal(plain, key); err != nil {
		return nil, errors.New("the opened key is no JWK") // the cause could quote it
	}
	if !key.Valid() || key.IsPublic() || key.KeyID == "" {
		return nil, errors.New("the opened key is no private key with an id")
	}
	return key, nil
}

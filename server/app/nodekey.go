package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"
)

// nodeKey wraps what must not lie on the disk in clear: CA keys, cookie keysets, the transport key. It is a file of 32
// random bytes beside the stores, 0600, and in no backup of them (SEC-71).
type nodeKey struct{ key []byte }

// openNodeKey reads the key, or makes it when there is no state yet. Without the key the state is unreadable, so a lost
// key is an error and never replaced silently.
func openNodeKey(dir string, fresh bool) (*nodeKey, error) {
	path := filepath.Join(dir, "node.key")
	b, err := readSecretFile(path)
	switch {
	case err == nil && len(b) == chacha20poly1305.KeySize:
		return &nodeKey{b}, nil
	case err == nil:
		return nil, fmt.Errorf("read node key %s: %d bytes instead of %d; restore the file from where you keep it", path, len(b), chacha20poly1305.KeySize)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read node key: %w", err)
	case !fresh:
		return nil, fmt.Errorf("read node key: %s is missing but there is a state store that was written with it; restore the file", path)
	}
	key := make([]byte, chacha20poly1305.KeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make node key: %w", err)
	}
	return &nodeKey{key}, writeSecretFile(path, key)
}

// Wrap encrypts plain for context (XChaCha20-Poly1305, random 192-bit nonce).
func (k *nodeKey) Wrap(plain, context []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k.key)
	if err != nil {
		return nil, fmt.Errorf("wrap: %w", err)
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("wrap: %w", err)
	}
	return aead.Seal(nonce, nonce, plain, context), nil
}

// Unwrap reverses Wrap for the same context.
func (k *nodeKey) Unwrap(wrapped, context []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k.key)
	if err != nil {
		return nil, fmt.Errorf("unwrap: %w", err)
	}
	if len(wrapped) < aead.NonceSize() {
		return nil, errors.New("unwrap: too short")
	}
	plain, err := aead.Open(nil, wrapped[:aead.NonceSize()], wrapped[aead.NonceSize():], context)
	if err != nil {
		return nil, errors.New("unwrap: written with another node key, or changed since")
	}
	return plain, nil
}

// readSecretFile reads a file that only its owner may read; one that others may read has been read by them, for all we know.
func readSecretFile(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s must be a file that only its owner may read (mode 0600), it is %s", path, info.Mode())
	}
	return os.ReadFile(path)
}

// writeSecretFile writes a file for the owner alone, durably and at once: a reader sees nothing or all of it.
func writeSecretFile(path string, data []byte) error { return writeFile(path, data, 0o600) }

func writeFile(path string, data []byte, mode fs.FileMode) (err error) {
	if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: %w", path, err)
	}
	// O_EXCL: what somebody else put there in between, a link above all, is not written through (SEC-71).
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

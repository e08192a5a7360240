package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// nextSuffix is what a file is called that is about to take another's place.
const nextSuffix = ".next"

// SavePair replaces a certificate and its key, both readable by their owner only. Each file changes as a whole; where a crash comes
// between the two, FileIdentity finds the pair all the same.
func SavePair(certFile, keyFile, certPEM, keyPEM string) error {
	if err := writeNext(keyFile, keyPEM); err != nil {
		return err
	}
	if err := writeNext(certFile, certPEM); err != nil {
		return err
	}
	for _, name := range []string{keyFile, certFile} { // the key first: FileIdentity looks for its certificate under both names
		if err := os.Rename(name+nextSuffix, name); err != nil {
			return fmt.Errorf("save certificate and key: %w", err)
		}
	}
	return errors.Join(syncFolder(keyFile), syncFolder(certFile))
}

// writeNext writes a file beside the one that it is to replace, on stable storage. A symbolic link that lies there is not followed.
func writeNext(name, text string) (err error) {
	if err := os.Remove(name + nextSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("save certificate and key: %w", err)
	}
	f, err := os.OpenFile(name+nextSuffix, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("save certificate and key: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("save certificate and key: %w", err)
	}
	return nil
}

func syncFolder(name string) error {
	f, err := os.Open(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("save certificate and key: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}

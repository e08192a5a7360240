package ca

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// toldRoots takes over what another node made of the root: a step of a rotation, or a new issuing certificate. The event may be
// older than what is in force here, so the store is asked. This node's leaves follow as they do where the step was made.
func (a *Authority) toldRoots(ctx context.Context) error {
	if a.config.External != nil {
		return nil // its root is looked at when a node starts
	}
	changed, err := a.takeRoots(ctx)
	if err != nil || !changed {
		return err
	}
	for _, l := range a.own {
		if !a.due(l, 0).IsZero() {
			continue
		}
		if err := a.issue(ctx, l); err != nil && ctx.Err() == nil { // Run tries it again, and the former root still stands for what is there
			a.config.Logger.WarnContext(ctx, "the leaf is not renewed under the new root yet", "leaf", l.name, "error", err)
		}
	}
	a.rechain()
	a.changes.tell()
	return nil
}

func (a *Authority) takeRoots(ctx context.Context) (changed bool, err error) {
	a.rotating.Lock()
	defer a.rotating.Unlock()
	raw, err := readKey(ctx, a.config.Store, identityKey)
	if err != nil || bytes.Equal(raw, a.identity().raw) {
		return false, err
	}
	id, err := decodeIdentity(a.config, raw)
	if err != nil {
		return false, fmt.Errorf("take the roots of another node over: %w", err)
	}
	if id.sequence < a.identity().sequence {
		return false, fault.New(fault.Unavailable, "roots_went_back", "The store has the roots of sequence %d, and this node had %d: it was restored from an old state. Restart the nodes if that was meant; a root that was retired counts again then.", id.sequence, a.identity().sequence)
	}
	a.issuing.Lock() // no leaf is between its issuer and its check
	a.held.Store(id)
	a.issuing.Unlock()
	a.config.Logger.InfoContext(ctx, "another node changed the roots", "phase", id.phase(), "sequence", id.sequence)
	return true, nil
}

// rechain puts the certificates that go with a leaf now behind those of this node.
func (a *Authority) rechain() {
	a.issuing.Lock()
	defer a.issuing.Unlock()
	for _, l := range a.own {
		held := *a.current(l).Load()
		held.Certificate = chain(signer{cert: held.Leaf}, a.backend.Issuers()).Certificate
		a.current(l).Store(&held)
	}
}

// inForce refuses to sign under a root that another node has replaced, before this one hears of it.
func (a *Authority) inForce(r store.Reader) error {
	if a.config.External != nil {
		return nil
	}
	kept, err := r.Get([]byte(identityKey))
	if err != nil {
		return fmt.Errorf("read authority: %w", err)
	}
	if !bytes.Equal(kept, a.identity().raw) {
		return &fault.Error{Kind: fault.Unavailable, Code: "root_changing", RetryAfter: firstRetry,
			Message: "Another node has just changed the root of this data center, and this one takes it over. Try again."}
	}
	return nil
}

// toldRecord counts what another node issued under the former root, and what it replaced.
func (a *Authority) toldRecord(key string, value []byte) error {
	id := a.identity()
	if id == nil || id.former == nil {
		return nil
	}
	if strings.HasPrefix(key, recordPrefix) {
		rec, err := decodeRecord(value)
		if err != nil || slices.Contains(rec.Issuers, sumOf(id.issuer.cert.Raw)) || len(rec.Certificate) == 0 {
			return err
		}
	}
	a.formers.mu.Lock()
	defer a.formers.mu.Unlock()
	a.formers.of = nil // all are read again at the next look
	return nil
}

// replaced says whether a node's own certificate is not the one that it uses any more. A node that is gone for good uses its last.
func replaced(r store.Reader, rec Record) (bool, error) {
	for _, leaf := range []string{peerName, webLeafName} {
		raw, err := r.Get([]byte(leafKeyOf(rec.Node, leaf)))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		var pair sealedPair
		if err := json.Unmarshal(raw, &pair); err != nil {
			return false, fmt.Errorf("decode leaf of %s: %w", rec.Node, err)
		}
		if bytes.Equal(pair.Certificate, rec.Certificate) {
			return false, nil
		}
	}
	return true, nil
}

func sumOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

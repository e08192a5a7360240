package passphrase

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/internal/bundle"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// roots reads what a proved bundle tells, by the rules for certificates that administrators declare: it stands in their place.
func roots(clusterID string, told []byte) (pemText string, err error) {
	b, err := bundle.Read(told)
	if err != nil {
		return "", fault.New(fault.Invalid, "invalid_bundle", "The roots of %s cannot be taken: %s.", clusterID, err.Error())
	}
	text := bundle.PEM(b.Roots)
	if faults := pinnedAs(clusterID, text).Validate(); len(faults) > 0 {
		return "", fault.New(fault.Invalid, "invalid_bundle", "The roots of %s cannot be taken: the certificates in its bundle: %s.", clusterID, faults[0].Detail)
	}
	return text, nil
}

// pinnedAs is pinned roots as a certificate that is trusted for their partner alone.
func pinnedAs(clusterID, text string) *mdc.TrustedCertificate {
	return &mdc.TrustedCertificate{Name: "paired-" + clusterID, CertificatePEM: text, Partner: clusterID}
}

// pin keeps the partner's roots, durably and with its audit record, and forgets the failures. It has the trust read anew.
func (p *Pairings) pin(ctx context.Context, partner *mdc.Partner, told, gen []byte) error {
	text, err := roots(partner.ClusterID, told)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(told)
	body, err := json.Marshal(record{RootsPEM: text, Bundle: sum[:], At: p.c.Clock.Now().UTC(), Generation: gen})
	if err != nil {
		return err
	}
	err = p.c.Store.Update(ctx, func(tx store.Writer) error {
		if err := tx.Delete([]byte(failurePrefix + mdc.FoldName(partner.ClusterID))); err != nil {
			return err
		}
		if err := tx.Put([]byte(recordPrefix+mdc.FoldName(partner.ClusterID)), body, 0); err != nil {
			return err
		}
		return p.c.Audit(tx, "pair", mdc.PartnerKind().Name+"/"+mdc.FoldName(partner.ClusterID))
	})
	if err != nil {
		return fmt.Errorf("keep pairing with %s: %w", partner.ClusterID, err)
	}
	p.c.Logger.Info("paired", "partner", partner.ClusterID)
	p.c.Pinned()
	p.tell()
	return nil
}

// Forget removes what a pairing left, with the partner.
func Forget(tx *journal.Tx, clusterID string) error {
	for _, prefix := range []string{recordPrefix, failurePrefix} {
		if err := tx.Writer().Delete([]byte(prefix + mdc.FoldName(clusterID))); err != nil {
			return err
		}
	}
	return nil
}

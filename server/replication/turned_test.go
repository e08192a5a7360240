package replication_test

import (
	"strings"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/replication"
)

// TestLateAnswerOfTheFormerMaster: what a master answers after its clone was turned to another one is not applied, nor shown as
// applied: nobody may count this clone among those who have it (FLT-17).
func TestLateAnswerOfTheFormerMaster(t *testing.T) {
	l, master, clone := pair(t)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	clone.reaches(master)
	before := clone.position()
	turned := false // guarded by the link's lock
	l.alter(func(page *replication.Page) {
		if turned || len(page.Records) == 0 {
			return
		}
		turned = true
		clone.update(func(tx *journal.Tx) error {
			o, err := tx.Get(mdc.AgreementKind(), "ny-ld")
			if err != nil {
				return err
			}
			a := *o.(*mdc.Agreement)
			a.Source = "TDC"
			return tx.Put(mdc.AgreementKind(), &a, "test")
		})
	}, nil)
	master.groups(0, 1)
	eventually(t, "the new master is asked", func() bool {
		st := clone.status()
		return st.Source == "TDC" && strings.Contains(st.LastError, "ask TDC")
	})
	if got := clone.position(); got != before {
		t.Errorf("the clone stands at %+v, it stood at %+v", got, before)
	}
}

package replication_test

import (
	"strings"
	"testing"
)

// The last success and the last error of an agreement survive a restart, also when its state never changed.
func TestStatusSurvivesRestart(t *testing.T) {
	l, master, clone := pair(t)
	agree(master, clone, "ny-ld", nil)
	bootstrap(t, clone, "ny-ld")
	l.setCut("LDC", true)
	master.groups(0, 1)
	eventually(t, "an error", func() bool { return strings.Contains(clone.status().LastError, "refused") })
	l.setCut("LDC", false)
	clone.reaches(master)
	eventually(t, "health", func() bool { return clone.status().Healthy })
	before := clone.status()
	l.setDead("LDC", true)
	clone.reopen()
	after := clone.status()
	if after.LastSuccess.Before(before.LastSuccess) || after.LastError != before.LastError || !after.LastErrorAt.Equal(before.LastErrorAt) {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
}

package app_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/app"
)

// nextCollection is how large the heap becomes before the collector runs again, in bytes.
func nextCollection() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NextGC
}

// TestRoomIsLeftForGarbage, unless the operator has said how much there may be.
func TestRoomIsLeftForGarbage(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before := nextCollection()
	end := app.LeaveRoom()
	if with := nextCollection(); with < before+(64<<20) {
		t.Errorf("the next collection comes at %d MiB, and came at %d without", with>>20, before>>20)
	}
	end()
	t.Setenv("GOMEMLIMIT", "100MiB")
	before = nextCollection()
	defer app.LeaveRoom()()
	if with := nextCollection(); with > before+(16<<20) {
		t.Errorf("against the operator's limit the next collection comes at %d MiB instead of %d", with>>20, before>>20)
	}
}

//go:build failpoints

package failpoint

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// hits counts how often the point that Variable names was passed. Only this build has it.
var hits atomic.Int64

// Here ends the process without any cleaning up when Variable names the point, as "point" or "point:n" for the n-th time.
func Here(point string) {
	name, nth, _ := strings.Cut(os.Getenv(Variable), ":")
	if name != point {
		return
	}
	if n, err := strconv.ParseInt(nth, 10, 64); err == nil && hits.Add(1) < n {
		return
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {} // until the signal arrives: what follows the point must not happen
}

// Without says whether WithoutVariable, a list with commas, names the guarantee.
func Without(guarantee string) bool {
	return slices.Contains(strings.Split(os.Getenv(WithoutVariable), ","), guarantee)
}

// Instead gives what InsteadVariable, "name=value", says of the name.
func Instead(name, usual string) string {
	if key, value, _ := strings.Cut(os.Getenv(InsteadVariable), "="); key == name {
		return value
	}
	return usual
}

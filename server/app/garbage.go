package app

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Go's collector begins when there is as much garbage as there is live memory. A server with few sessions in use has little of that, so it
// would collect several times a second under load, and spend a tenth of its processor time on it; and one that is written to faster than the
// store can flush has hundreds of MiB of memtables, which cost the collector nothing, and would let as much garbage gather.
const (
	mostGarbage    = 192 << 20
	garbageShare   = 16 // of the memory that there is
	garbagePercent = 25 // of what is alive, on top
)

// LeaveRoom lets so much garbage gather before the collector runs: 192 MiB, or a sixteenth of the machine's (or container's) memory where that is less,
// and a quarter of what is alive, until the result is called. It does so by memory that is asked for and never touched: no page of it becomes
// resident. A program calls it once, since all of a process shares one collector. Where the environment has GOGC or GOMEMLIMIT an operator has decided, and it
// does nothing.
func LeaveRoom() (end func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	room := make([]byte, min(mostGarbage, availableMemory()/garbageShare)*100/garbagePercent)
	before := debug.SetGCPercent(garbagePercent)
	return func() {
		debug.SetGCPercent(before)
		runtime.KeepAlive(room)
	}
}

// availableMemory is what this process may use at most, in bytes: its control group's limit on Linux, or what the machine has. Where neither can be read
// it is taken to be plenty.
func availableMemory() int64 {
	least := int64(1) << 40
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil { // "max" is no limit
			least = min(least, n)
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		fields := strings.Fields(string(text))
		if len(fields) > 1 && fields[0] == "MemTotal:" {
			if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				least = min(least, n<<10)
			}
		}
	}
	return max(least, 0)
}

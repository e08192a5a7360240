package app

import (
	"os"
	"path/filepath"
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

// availableMemory is what this process may use at most, in bytes: the least limit of its control groups on Linux, or what the machine has. Where neither can be
// read it is taken to be plenty.
func availableMemory() int64 {
	least := int64(1) << 40
	for _, file := range limitFiles() {
		if text, err := os.ReadFile(file); err == nil { //nolint:gosec // what the system calls this process's group
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil { // "max" is no limit
				least = min(least, n)
			}
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

// limitFiles are those of the control group of this process and of the groups around it (cgroups(7), version 2). A service of systemd has one
// deep in the tree; a container sees its own at the root.
func limitFiles() []string {
	const root, file = "/sys/fs/cgroup", "memory.max"
	files := []string{filepath.Join(root, file)}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return files
	}
	for line := range strings.Lines(string(text)) {
		if group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/"); ok {
			for at := filepath.Clean("/" + group); at != "/"; at = filepath.Dir(at) {
				files = append(files, filepath.Join(root, at, file))
			}
		}
	}
	return files
}

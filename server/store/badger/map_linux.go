package badger

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// touchedAtRandom tells the system that the memory map of file, which is Badger's and out of reach, is touched at random. It would else read ahead
// as Badger's writes go on one behind the other, into pieces of memory that grow to 2 MiB; and a sync writes the whole of each piece that
// was touched. With single pages a commit of one session writes 4 KiB. What fails here costs time alone, so nobody is told.
func touchedAtRandom(file *os.File) {
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer func() { _ = maps.Close() }()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var begin, end uintptr
		line := lines.Text()
		if !strings.HasSuffix(line, " "+name) {
			continue
		}
		if n, _ := fmt.Sscanf(line, "%x-%x ", &begin, &end); n == 2 {
			// An address that has become another's by now is advised as well as any.
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, begin, end-begin, unix.MADV_RANDOM)
		}
	}
}

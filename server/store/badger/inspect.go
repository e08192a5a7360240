package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	engine "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// ErrDamaged says that files of the database are damaged, missing or older than what was acknowledged. What is left may be
// read by nobody; a clone starts afresh from its master, a master from a backup.
var ErrDamaged = errors.New("store: files damaged")

// inspect looks at the files before Badger does: it takes a missing MANIFEST for a new database and removes every table, and
// a table that was cut off makes it panic on goroutines of its own, where nobody can turn that into an error (FLT-07). Tables
// that the MANIFEST does not list are what a crash left of one in the making; Badger removes them.
func inspect(cfg Config) error {
	f, err := os.Open(filepath.Join(cfg.Dir, engine.ManifestFilename))
	if errors.Is(err, os.ErrNotExist) {
		return inspectNew(cfg.Dir)
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	listed, _, err := engine.ReplayManifestFile(f, 0, cfg.engineOptions())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for id := range listed.Tables {
		if err := inspectTable(table.NewFilename(id, cfg.Dir)); err != nil {
			return err
		}
	}
	return nil
}

// inspectNew wants a directory without a MANIFEST to hold no data either.
func inspectNew(dir string) error {
	for _, pattern := range []string{"*.sst", "*.mem"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%w: %s is missing in %s beside %s", ErrDamaged, engine.ManifestFilename, dir, filepath.Base(found[0]))
		}
	}
	return nil
}

// inspectTable checks the end of a table: the index, its length (4 bytes), its checksum (a protobuf message), that one's
// length (4 bytes), all big endian.
func inspectTable(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: table %s is missing", ErrDamaged, path)
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	end := size
	take := func(n int64) (b []byte, err error) {
		if n < 0 || n > end {
			return nil, fmt.Errorf("%w: table %s is cut off or changed", ErrDamaged, path)
		}
		b = make([]byte, n)
		end -= n
		_, err = f.ReadAt(b, end)
		return b, err
	}
	number := func() (int64, error) {
		b, err := take(4)
		if err != nil {
			return 0, err
		}
		return int64(binary.BigEndian.Uint32(b)), nil
	}
	var parts [2][]byte // the checksum, the index
	for i := range parts {
		n, err := number()
		if err != nil {
			return err
		}
		if parts[i], err = take(n); err != nil {
			return err
		}
	}
	if sum, ok := checksumOf(parts[0]); !ok || len(parts[1]) == 0 || sum != uint64(crc32.Checksum(parts[1], crc32.MakeTable(crc32.Castagnoli))) {
		return fmt.Errorf("%w: the index of table %s does not fit its checksum", ErrDamaged, path)
	}
	return nil
}

// checksumOf reads Badger's pb.Checksum: field 1 the algorithm, 0 = CRC32C and then left out; field 2 the sum.
func checksumOf(message []byte) (sum uint64, ok bool) {
	const sumField = 2 << 3
	if len(message) < 2 || message[0] != sumField {
		return 0, false
	}
	sum, n := binary.Uvarint(message[1:])
	return sum, n == len(message)-1
}

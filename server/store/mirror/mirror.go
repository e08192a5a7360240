package mirror

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/concord-access/terraform-provider-concord/internal/failpoint"
)

// MaxValue is the greatest length in bytes of a mirrored value.
const MaxValue = 4 << 10

// ErrUnreadable says that the mirror file exists and neither of its slots is sound. Nothing tells then whether the
// database still has all that was acknowledged; a clone starts afresh from its master, a master from a backup.
var ErrUnreadable = errors.New("store: mirror file unreadable")

// A slot is: magic, generation, presence, length, value, then the SHA-256 of all before it. The slots lie two pages apart,
// so that writing one cannot tear the other.
const (
	slotMagic  = "CNCDMIR1"
	slotHead   = len(slotMagic) + 8 + 1 + 4
	mirrorSize = 2 * SlotSpan
)

// SlotSpan is the distance of the two slots in bytes.
const SlotSpan = 8 << 10

// Behind the slots lies the number of the last commit, which is written at each commit and not synced for its own sake (a slot's
// sync takes it along): it costs a write into the page cache, and after anything but a loss of power it tells a database that lost its newest changes although none of them
// changed the mirrored key. Sound or not, an older one is harmless.
const (
	countMagic = "CNCDCNT1"
	countAt    = mirrorSize
	countSize  = len(countMagic) + 8 + sha256.Size
)

// Content is the content of a slot. Present is false when the key was never written or was deleted.
type Content struct {
	generation uint64
	Present    bool
	Value      []byte
}

// Mirror is the open file. Write and Count belong to one goroutine, the store's committer.
type Mirror struct {
	file   *os.File
	opened Content
	newest uint64 // generation; its slot is newest % 2
}

// Opened gives what the newest sound slot held when the file was opened.
func (m *Mirror) Opened() Content { return m.opened }

// Open opens path, or creates it with two sound and empty slots. ErrUnreadable when it is there and
// no slot is sound.
func Open(path string) (*Mirror, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		if err = create(path); err == nil {
			file, err = os.OpenFile(path, os.O_RDWR, 0)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open mirror: %w", err)
	}
	newest, err := read(file)
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("read mirror %s: %w", path, err)
	}
	return &Mirror{file: file, opened: newest, newest: newest.generation}, nil
}

// create writes beside path and renames: a kill leaves no file or a whole one. Its blocks are all written, so that
// later syncs change no file system metadata.
func create(path string) error {
	content := make([]byte, mirrorSize)
	copy(content, Content{generation: 0}.encode())
	copy(content[SlotSpan:], Content{generation: 1}.encode())
	fresh := path + ".new"
	if err := writeSynced(fresh, content); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func writeSynced(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// read gives the newest sound slot. One that is not sound is a write that a kill cut short, never acknowledged.
func read(file io.ReaderAt) (Content, error) {
	var best Content
	found := false
	for i := range uint64(2) {
		raw := make([]byte, SlotSpan)
		if _, err := file.ReadAt(raw, int64(i)*SlotSpan); err != nil && !errors.Is(err, io.EOF) {
			return Content{}, err
		}
		m, ok := decodeSlot(raw)
		if ok && m.generation%2 == i && (!found || m.generation > best.generation) {
			best, found = m, true
		}
	}
	if !found {
		return Content{}, ErrUnreadable
	}
	return best, nil
}

// Write puts content into the older slot and syncs it.
func (m *Mirror) Write(content Content) error {
	content.generation = m.newest + 1
	if _, err := m.file.WriteAt(content.encode(), int64(content.generation%2)*SlotSpan); err != nil {
		return err
	}
	failpoint.Here("mirror.written")
	if !failpoint.Without(failpoint.NoSync) {
		if err := SyncData(m.file); err != nil {
			return err
		}
	}
	m.newest = content.generation
	return nil
}

// Count writes the number of the last commit.
func (m *Mirror) Count(commits uint64) error {
	raw := binary.BigEndian.AppendUint64([]byte(countMagic), commits)
	sum := sha256.Sum256(raw)
	_, err := m.file.WriteAt(append(raw, sum[:]...), countAt)
	return err
}

// Counted gives the number of the last commit, 0 when it is not known.
func (m *Mirror) Counted() uint64 {
	raw := make([]byte, countSize)
	if _, err := m.file.ReadAt(raw, countAt); err != nil {
		return 0
	}
	end := len(countMagic) + 8
	if sum := sha256.Sum256(raw[:end]); !bytes.HasPrefix(raw, []byte(countMagic)) || !bytes.Equal(sum[:], raw[end:]) {
		return 0
	}
	return binary.BigEndian.Uint64(raw[len(countMagic):])
}

// Close closes the file.
func (m *Mirror) Close() error { return m.file.Close() }

func (m Content) encode() []byte {
	raw := make([]byte, 0, slotHead+len(m.Value)+sha256.Size)
	raw = append(raw, slotMagic...)
	raw = binary.BigEndian.AppendUint64(raw, m.generation)
	if m.Present {
		raw = append(raw, 1)
	} else {
		raw = append(raw, 0)
	}
	raw = binary.BigEndian.AppendUint32(raw, uint32(len(m.Value)))
	raw = append(raw, m.Value...)
	sum := sha256.Sum256(raw)
	return append(raw, sum[:]...)
}

// decodeSlot reads a slot of SlotSpan bytes; false when it is not sound.
func decodeSlot(raw []byte) (Content, bool) {
	length := binary.BigEndian.Uint32(raw[slotHead-4:])
	if !bytes.HasPrefix(raw, []byte(slotMagic)) || length > MaxValue {
		return Content{}, false
	}
	end := slotHead + int(length)
	if sum := sha256.Sum256(raw[:end]); !bytes.Equal(sum[:], raw[end:end+sha256.Size]) {
		return Content{}, false
	}
	return Content{
		generation: binary.BigEndian.Uint64(raw[len(slotMagic):]),
		Present:    raw[slotHead-5] == 1,
		Value:      raw[slotHead:end:end],
	}, true
}

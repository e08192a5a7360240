package httpapi

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// snapshotLines writes a snapshot in the best form and coding that the caller takes: a clone of an earlier version takes
// lines of JSON and gzip.
type snapshotLines struct {
	kind   string // Content-Type
	coding string // Content-Encoding; "" = none
	packed io.WriteCloser
	out    *bufio.Writer
	line   []byte
	binary bool
}

const snapshotBuffer = 64 << 10 // what is packed at once

func newSnapshotLines(c *call) *snapshotLines {
	l := &snapshotLines{kind: "application/x-ndjson", binary: strings.Contains(c.GetHeader("Accept"), wire.SnapshotType)}
	if l.binary {
		l.kind = wire.SnapshotType
	}
	codings := c.GetHeader("Accept-Encoding")
	switch {
	case strings.Contains(codings, "zstd"):
		zip, err := zstd.NewWriter(c.Writer, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(512<<10))
		if err == nil { // it fails on wrong options alone
			l.coding, l.packed = "zstd", zip
		}
	case strings.Contains(codings, "gzip"):
		l.coding, l.packed = "gzip", gzip.NewWriter(c.Writer)
	}
	var below io.Writer = c.Writer
	if l.packed != nil {
		below = l.packed
	}
	l.out = bufio.NewWriterSize(below, snapshotBuffer)
	return l
}

// begin sends the headers; nothing may be written before.
func (l *snapshotLines) begin(c *call) {
	c.Header("Content-Type", l.kind)
	if l.coding != "" {
		c.Header("Content-Encoding", l.coding)
	}
}

func (l *snapshotLines) write(line wire.SnapshotLine) error {
	if l.binary {
		l.line = wire.AppendSnapshotLine(l.line[:0], line)
	} else {
		b, err := json.Marshal(line)
		if err != nil {
			return err
		}
		l.line = append(b, '\n')
	}
	_, err := l.out.Write(l.line)
	return err
}

func (l *snapshotLines) close() error {
	if err := l.out.Flush(); err != nil || l.packed == nil {
		return err
	}
	return l.packed.Close()
}

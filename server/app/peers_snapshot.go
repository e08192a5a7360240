package app

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/klauspost/compress/zstd"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

const (
	maxSnapshotLine   = 4 << 20  // one object
	maxSnapshotWindow = 8 << 20  // that a master may make us keep to unpack what it sends
	snapshotBuffer    = 64 << 10 // read at once
)

// snapshotLines reads a snapshot in the form and the coding that the master chose: one of an earlier version sends lines
// of JSON, packed by gzip or not at all.
type snapshotLines struct {
	binary *bufio.Reader  // nil: JSON
	lines  *bufio.Scanner // of JSON
	close  func()
}

func newSnapshotLines(res *http.Response) (*snapshotLines, error) {
	l := &snapshotLines{close: func() {}}
	var in io.Reader = res.Body
	switch coding := res.Header.Get("Content-Encoding"); coding {
	case "":
	case "zstd":
		zip, err := zstd.NewReader(res.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxSnapshotWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		in, l.close = zip, zip.Close
	case "gzip":
		zip, err := gzip.NewReader(res.Body)
		if err != nil {
			return nil, err
		}
		in = zip
	default:
		return nil, fmt.Errorf("it is packed by %.20q, which nobody asked for", coding)
	}
	if res.Header.Get("Content-Type") == wire.SnapshotType {
		l.binary = bufio.NewReaderSize(in, snapshotBuffer)
		return l, nil
	}
	l.lines = bufio.NewScanner(in)
	l.lines.Buffer(nil, maxSnapshotLine)
	return l, nil
}

// next gives one line; io.EOF when there is none.
func (l *snapshotLines) next() (line wire.SnapshotLine, err error) {
	if l.binary != nil {
		return wire.ReadSnapshotLine(l.binary, maxSnapshotLine)
	}
	if !l.lines.Scan() {
		return line, errors.Join(l.lines.Err(), io.EOF)
	}
	return line, json.Unmarshal(l.lines.Bytes(), &line)
}

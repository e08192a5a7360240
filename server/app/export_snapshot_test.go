package app

import (
	"errors"
	"io"
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// ReadSnapshot reads all lines of an answer.
func ReadSnapshot(res *http.Response) (out []wire.SnapshotLine, err error) {
	lines, err := newSnapshotLines(res)
	if err != nil {
		return nil, err
	}
	defer lines.close()
	for {
		l, err := lines.next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, l)
	}
}

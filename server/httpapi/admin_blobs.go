package httpapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/blob"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// patienceWithBlobs is how long a content may be missing before the data center counts as unwell.
const patienceWithBlobs = 10 * time.Minute

func (s *Server) blobRoutes() []route {
	const one = "/v1/blobs/{sha256}"
	return []route{
		{method: http.MethodPut, path: one, summary: "Upload the content of a package, before the package; what is here already is not read again", in: octets{}, out: wire.Blob{},
			also: map[int]any{http.StatusCreated: wire.Blob{}}, needs: onAll(mdc.ActionWrite, mdc.PackageKind().Name), handle: s.putBlob},
		{method: http.MethodGet, path: one, summary: "Whether a content is here; if so it stays for a day from now, for a package to refer to it", out: wire.Blob{}, needs: onAll(mdc.ActionRead, mdc.PackageKind().Name), handle: s.getBlob},
	}
}

// putBlob streams an upload. A package that refers to it is written afterwards, so that an apply that is cut off anywhere
// can be made again: what has arrived is not sent twice.
func (s *Server) putBlob(c *call) error {
	ctx := c.Request.Context()
	if err := s.c.Configuration.Writable(ctx, mdc.PackageKind()); err != nil {
		return err
	}
	if _, found, err := s.c.Blobs.Stat(c.Param("sha256")); err != nil {
		return err
	} else if !found && mdc.ValidDigest(c.Param("sha256")) {
		if err := s.c.Audit(ctx, c.actor(), "upload", "blob/"+c.Param("sha256")); err != nil {
			return err
		}
	}
	body := c.upload()
	b, made, err := s.c.Blobs.Put(ctx, c.Param("sha256"), c.Request.ContentLength, body)
	if err != nil {
		return err
	}
	if made {
		return c.answerStatus(http.StatusCreated, blobView(b))
	}
	// It is here already. What was sent is read to its end all the same: over HTTP/2 some clients take an answer that comes
	// before that for a broken stream.
	if _, err := io.Copy(io.Discard, body); err != nil {
		return err
	}
	return c.answer(blobView(b))
}

func (s *Server) getBlob(c *call) error {
	b, found, err := s.c.Blobs.Claim(c.Param("sha256"))
	if err != nil {
		return err
	}
	if !found {
		return fault.New(fault.NotFound, "not_found", "There is no blob %q here.", clip(c.Param("sha256")))
	}
	return c.answer(blobView(b))
}

func blobView(b blob.Info) wire.Blob {
	return wire.Blob{SHA256: b.SHA256, Size: b.Size, Format: b.Format}
}

// judgeBlobs tells of contents that are missing here. For a while that is how it has to be: they come after the journal.
func (s *Server) judgeBlobs(ctx context.Context, out *wire.ReplicationStatus) error {
	absent, err := s.c.Fetcher.Absent(ctx)
	if out.Missing = len(absent); out.Missing == 0 {
		return err
	}
	oldest := absent[0]
	for _, a := range absent {
		if a.Since.Before(oldest.Since) {
			oldest = a
		}
	}
	why := oldest.LastError
	if why == "" {
		why = "it is being fetched"
	}
	out.Reason = fmt.Sprintf("contents of packages are missing here, one of them since %s (%d of %d bytes of %s): %s", oldest.Since.UTC().Format(time.RFC3339), oldest.Have, oldest.Size, oldest.SHA256, why)
	out.Healthy = out.Healthy && s.c.Clock.Now().Sub(oldest.Since) < patienceWithBlobs
	return nil
}

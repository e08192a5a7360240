package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// octets stands in a route for a body that is not JSON but streamed as it is.
type octets struct{}

const octetStream = "application/octet-stream"

// Times of streamed bodies. None bounds the whole: a gigabyte over a slow line takes as long as it takes.
const (
	streamPause = 30 * time.Second // without progress, in either direction
	checkTime   = 10 * time.Minute // from a body's end to the answer: it is looked into, and synced
	leastUpload = 64 << 10         // bytes of an upload in each streamPause: whoever drips keeps others from uploading
)

// upload gives a request's body for streaming. The cap on bodies that are decoded does not hold for it; whoever takes it
// bounds it. Its faults are ready to be answered.
func (c *call) upload() io.Reader {
	limit := http.MaxBytesReader(c.Writer, c.Request.Body, mdc.MaxPackage)
	return &steadyBody{c: c, r: limit}
}

// steadyBody gives the connection a new deadline as long as enough arrives (SEC-63, SEC-64).
type steadyBody struct {
	c      *call
	r      io.Reader
	got    int           // bytes since the time began
	waited time.Duration // for them; what is done with them does not count
}

// Read reads on.
func (b *steadyBody) Read(p []byte) (int, error) {
	began := time.Now()
	limitBodyTime(b.c.Writer, began.Add(streamPause-b.waited))
	limitAnswerTime(b.c.Writer, began.Add(checkTime))
	n, err := b.r.Read(p)
	b.waited += time.Since(began)
	if b.got += n; b.got >= leastUpload {
		b.got, b.waited = 0, 0
	}
	switch tooLarge, ok := errors.AsType[*http.MaxBytesError](err); {
	case ok:
		err = fault.New(fault.TooLarge, "body_too_large", "The body is larger than %d bytes.", tooLarge.Limit)
	case errors.Is(err, io.EOF):
		limitBodyTime(b.c.Writer, time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = &fault.Error{Kind: fault.Invalid, Code: "body_too_slow", Message: fmt.Sprintf("The body arrived too slowly: less than %d bytes in %v. Send it again over a faster line.", leastUpload, streamPause), Err: err}
	case err != nil:
		err = &fault.Error{Kind: fault.Invalid, Code: "body_cut_off", Message: "The body could not be read to its end.", Err: err}
	}
	return n, err
}

// limitAnswerTime replaces the listener's limit on the time of a whole answer.
func limitAnswerTime(w http.ResponseWriter, end time.Time) {
	_ = http.NewResponseController(w).SetWriteDeadline(end) // a connection that is gone has no deadlines
}

// serveOctets answers with content, or the range that was asked for (RFC 9110 section 14). Its digest is its ETag. still is
// asked now and then whether the caller may go on; nil = nobody has to be asked.
func (c *call) serveOctets(content io.ReadSeeker, sha256 string, still func() error) {
	h := c.Writer.Header()
	h.Set("Content-Type", octetStream)
	h.Set("ETag", `"`+sha256+`"`)
	w := &steadyAnswer{ResponseWriter: c.Writer, still: still, asked: time.Now()}
	http.ServeContent(w, c.Request, "", time.Time{}, content)
	if w.refused != nil {
		c.logger().Warn("content broken off", "sha256", sha256, "error", w.refused)
		panic(http.ErrAbortHandler) // the only way to tell the caller that this is not the end
	}
}

// steadyAnswer gives the connection a new deadline with each chunk, and ends when its caller is not to have more.
type steadyAnswer struct {
	http.ResponseWriter
	still   func() error
	asked   time.Time
	refused error
}

// Write sends a chunk.
func (w *steadyAnswer) Write(b []byte) (int, error) {
	if w.still != nil && time.Since(w.asked) > trustInterval {
		if w.refused = w.still(); w.refused != nil {
			return 0, w.refused
		}
		w.asked = time.Now()
	}
	limitAnswerTime(w.ResponseWriter, time.Now().Add(streamPause))
	return w.ResponseWriter.Write(b)
}

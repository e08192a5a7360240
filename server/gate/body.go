package gate

import (
	"io"
	"net/http"
	"time"
)

// bodyPatience is how long a body may send nothing. Uploads may take as long as they like while they go on.
const bodyPatience = 30 * time.Second

// patient is a request's body that may not stand still: the time for the next bytes is set before anything reads it and
// anew at each read. What nobody reads, net/http discards under the last limit instead of waiting for ever (SEC-64).
type patient struct {
	io.ReadCloser
	control *http.ResponseController
}

func newPatient(w http.ResponseWriter, body io.ReadCloser) *patient {
	p := &patient{body, http.NewResponseController(w)}
	p.wait()
	return p
}

// Read reads the next bytes; its end takes the limit away, since the connection may be used again.
func (p *patient) Read(b []byte) (int, error) {
	p.wait()
	n, err := p.ReadCloser.Read(b)
	if err == io.EOF { //nolint:errorlint // io.Reader gives it bare
		_ = p.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// wait ignores writers without deadlines, such as a test's recorder.
func (p *patient) wait() { _ = p.control.SetReadDeadline(time.Now().Add(bodyPatience)) }

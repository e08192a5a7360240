package agent_test

import (
	"net/http"
	"testing"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// TestWhatAPasswordOpensIsNotUsedAgain: a program's password goes to Concord only where Concord asks for it, is not shown to the
// application, and the answer to it is never used for a request without it, whatever the server says of using it again (SEC-15, SEC-20).
func TestWhatAPasswordOpensIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	s := newServer(t, "NYDC", "ny1")
	const right, offered = "Basic YW5uOnNlY3JldA==", `Basic realm="api", charset="UTF-8"`
	s.decides = func(in wire.AuthorizeRequest) wire.AuthorizeAnswer {
		switch {
		case in.Target == "/own":
			return wire.AuthorizeAnswer{Decision: wire.DecisionAllow, Reason: "excluded"}
		case in.Authorization != right:
			return wire.AuthorizeAnswer{Decision: wire.DecisionChallenge, WWWAuthenticate: offered}
		}
		return wire.AuthorizeAnswer{Decision: wire.DecisionAllow, User: "ann", SSOID: "one", CacheSeconds: 20, CredentialsUsed: true}
	}
	f := newFront(t, []*server{s}, nil)
	var shown []string
	f.next = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { shown = r.Header.Values("Authorization") })
	for _, cookie := range []string{"", "x"} {
		if w := f.ask("/api", cookie, "Authorization", right); w.Code != http.StatusOK || len(shown) != 0 {
			t.Errorf("cookie %q, the right password: %d, the application is shown %q", cookie, w.Code, shown)
		}
		if w := f.ask("/api", cookie); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != offered {
			t.Errorf("cookie %q, without it a moment later: %d, %q", cookie, w.Code, w.Header().Get("WWW-Authenticate"))
		}
		if w := f.ask("/api", cookie, "Authorization", right, "Sec-Fetch-Mode", "cors"); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == offered {
			t.Errorf("cookie %q, a script: %d, %q", cookie, w.Code, w.Header().Get("WWW-Authenticate"))
		}
	}
	if w := f.ask("/own", "", "Authorization", "Basic YXBwOnNlY3JldA=="); w.Code != http.StatusOK || len(shown) != 1 {
		t.Errorf("the application's own: %d, it is shown %q", w.Code, shown)
	}
}

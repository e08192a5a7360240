package gate_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// The agent's side of a sign-in: code, state and the flow cookies of this agent go to Concord, its
// cookies and the way back to the browser.
func TestCallback(t *testing.T) {
	h, c := simple(t)
	c.say(200, wire.RedeemAnswer{Location: "http://shop.example/cart", SetCookies: []string{"concord_agent_portal=A; Path=/", "concord_flow_portal_1=; Max-Age=0"}})
	res, _ := h.get("/.concord/callback?code=C%2B1&state=S", "Cookie", "concord_flow_portal_1=F; concord_flow_other_1=x; y=z; concord_flow_portal_2=G")
	h.wantStatus(res, http.StatusSeeOther)
	if res.Header.Get("Location") != "http://shop.example/cart" || len(res.Header.Values("Set-Cookie")) != 2 || res.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("got %v", res.Header)
	}
	calls := c.taken()
	want := wire.RedeemRequest{Host: strings.TrimPrefix(h.front.URL, "http://"), Scheme: "http", Code: "C+1", State: "S",
		FlowCookies: []string{"concord_flow_portal_1=F", "concord_flow_portal_2=G"}, ClientAddress: "127.0.0.1"}
	if d := cmp.Diff(want, calls[0].redeem); d != "" || len(calls) != 1 {
		t.Errorf("%d calls: %s", len(calls), d)
	}
}

// Proves SEC-28 at the callback: of two codes one was added; nothing is sent on.
func TestCallbackRefusesWhatIsNotWhole(t *testing.T) {
	h, c := simple(t)
	for _, q := range []string{"", "?code=C", "?state=S", "?code=C&state=", "?code=C&code=D&state=S", "?code=C&state=S&state=S", "?code=C;state=S", "?code=%zz&state=S", "?code=" + strings.Repeat("C", 9000) + "&state=S"} {
		res, _ := h.get("/.concord/callback" + q)
		h.wantStatus(res, http.StatusBadRequest)
	}
	res, _ := h.do(http.MethodPost, "/.concord/callback?code=C&state=S")
	h.wantStatus(res, http.StatusMethodNotAllowed)
	if len(c.taken()) != 0 {
		t.Error("something was sent on")
	}
}

// Proves that a bad code is the browser's trouble alone: it neither signs in nor makes the gate avoid the server.
func TestBadCodeDoesNotBlameTheServer(t *testing.T) {
	h, c := simple(t)
	for _, status := range []int{400, 401, 403, 409} {
		c.say(status, wire.Problem{Code: "code_refused", Detail: "no"})
		res, body := h.get("/.concord/callback?code=C&state=S", "Sec-Fetch-Mode", "navigate")
		h.wantStatus(res, http.StatusForbidden)
		if !strings.Contains(body, "The sign-in was not completed") || len(res.Header.Values("Set-Cookie")) != 0 {
			t.Errorf("%d: %s", status, body)
		}
	}
	if n := len(c.taken()); n != 4 {
		t.Errorf("%d of 4 calls reached the server", n)
	}
}

// Proves SEC-15: signing out needs a form that this host sent; a link or another site's form does nothing.
func TestLogoutNeedsTheSameOrigin(t *testing.T) {
	h, c := simple(t)
	c.say(200, wire.LogoutAnswer{Location: "https://login.example/logout?done", SetCookies: []string{"concord_agent_portal=; Max-Age=0"}})
	cookie := []string{"Cookie", "concord_agent_portal=A"}
	bad := map[string][]string{
		"nothing said":       {},
		"cross site":         {"Sec-Fetch-Site", "cross-site"},
		"same site":          {"Sec-Fetch-Site", "same-site"},
		"typed address":      {"Sec-Fetch-Site", "none"},
		"other origin":       {"Origin", "https://evil.example"},
		"no origin":          {"Origin", "null"},
		"https of this host": {"Origin", "https" + strings.TrimPrefix(h.front.URL, "http")},
		"they contradict":    {"Sec-Fetch-Site", "same-origin", "Origin", "https://evil.example"},
		"contradict too":     {"Sec-Fetch-Site", "cross-site", "Origin", h.front.URL},
		"two origins":        {"Origin", h.front.URL, "Origin", h.front.URL},
	}
	for name, headers := range bad {
		t.Run(name, func(t *testing.T) {
			res, _ := h.do(http.MethodPost, "/.concord/logout", append(headers, cookie...)...)
			h.wantStatus(res, http.StatusForbidden)
		})
	}
	res, body := h.get("/.concord/logout", cookie...)
	h.wantStatus(res, http.StatusOK)
	if !strings.Contains(body, `<form method="post" action="/.concord/logout">`) {
		t.Errorf("no form: %s", body)
	}
	if len(c.taken()) != 0 {
		t.Error("somebody was signed out")
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Origin", h.front.URL}, {"Origin", h.front.URL, "Sec-Fetch-Site", "same-origin"}} {
		res, _ := h.do(http.MethodPost, "/.concord/logout", append(headers, cookie...)...)
		h.wantStatus(res, http.StatusSeeOther)
		if res.Header.Get("Location") != "https://login.example/logout?done" || res.Header.Get("Set-Cookie") == "" {
			t.Errorf("got %v", res.Header)
		}
		if calls := c.taken(); len(calls) != 1 || calls[0].path != "POST /session/v1/logout" || calls[0].logout.Cookie != "A" {
			t.Errorf("calls %+v", calls)
		}
	}
}

func TestLogoutWithoutSessionAndWithoutConcord(t *testing.T) {
	h, c := simple(t)
	res, body := h.do(http.MethodPost, "/.concord/logout", "Origin", h.front.URL)
	h.wantStatus(res, http.StatusOK)
	if !strings.Contains(body, "You are signed out") || len(c.taken()) != 0 {
		t.Errorf("got %s", body)
	}
	c.Close()
	res, _ = h.do(http.MethodPost, "/.concord/logout", "Origin", h.front.URL, "Cookie", "concord_agent_portal=A")
	h.wantStatus(res, http.StatusServiceUnavailable)
	if len(res.Header.Values("Set-Cookie")) != 0 {
		t.Error("the cookie is gone although the sign-on lives: nobody could try again")
	}
	res, _ = h.do(http.MethodDelete, "/.concord/logout")
	h.wantStatus(res, http.StatusMethodNotAllowed)
}

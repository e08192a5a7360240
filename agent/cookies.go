package agent

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/browser"
)

// names of Concord's cookies on this agent's host. Without TLS the prefixes fall away, because browsers would not keep them.
type names struct{ agent, flow, inactivity string }

func cookieNames(agent, scheme string) names {
	host, secure := "__Host-", "__Secure-"
	if scheme != "https" {
		host, secure = "", ""
	}
	return names{agent: host + "concord_agent_" + agent, flow: host + "concord_flow_" + agent + "_", inactivity: secure + "concord_gito"}
}

// stripCookies leaves the application's own cookies, each as it was.
func stripCookies(h http.Header) {
	keep := browser.Foreign(browser.Cookies(h))
	h.Del("Cookie")
	if keep != "" {
		h.Set("Cookie", keep)
	}
}

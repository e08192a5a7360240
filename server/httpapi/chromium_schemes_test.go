package httpapi_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
)

// TestSchemesInARealBrowser walks by the pages of a chain and of a stronger sign-in, on three screens, and leaves a picture of each
// in bin/screenshots (SEC-01, SEC-13, STD-06, STD-07).
func TestSchemesInARealBrowser(t *testing.T) {
	t.Parallel()
	for _, screen := range screens() {
		t.Run(screen.String(), func(t *testing.T) {
			t.Parallel()
			d := testkit.Start(t, "NYDC")[0]
			d.User("ann")
			d.Scheme("card", 3, "certificate", "password")
			d.Scheme("both", 4, "password", "certificate")
			vaultApp, safe := d.Asks("vault", vault, "card"), d.Asks("safe", "https://safe.example", "both")
			c := testkit.NewChromium(t, screen, strings.TrimPrefix(d.RuntimeURL, "https://"))
			c.Open(vaultApp.Authorize("").Location)
			look(t, c, screen, "30-certificate")
			c.Press("\r", true) // the button has the keyboard
			look(t, c, screen, "31-no-certificate")
			password := func() {
				c.Do(chromedp.SendKeys(`input[name="password"]`, testkit.Password, chromedp.ByQuery))
				c.Press("\r", true)
			}
			c.Open(d.RuntimeURL + "/login")
			c.Do(chromedp.SendKeys(`input[name="user"]`, "ann", chromedp.ByQuery))
			password()
			c.Open(safe.Authorize("").Location)
			if name, seen := focused(c); name != "password" || !seen {
				t.Errorf("at the stronger sign-in the cursor stands in %q, seen %t", name, seen)
			}
			look(t, c, screen, "32-step-up")
			password()
			look(t, c, screen, "33-second-step")
			c.Press("\r", true)
			look(t, c, screen, "34-second-step-no-certificate")
			if s := d.Sessions("ann"); len(s) != 1 || s[0].Level != 1 {
				t.Errorf("half a chain made %+v", s)
			}
		})
	}
}

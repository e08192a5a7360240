package policy_test

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

// fitsNaively says of one rule what the documentation says, part by part, in other ways than the engine does.
func fitsNaively(rule mdc.Rule, r policy.Request, s *policy.Subject) string {
	parts := []string{policy.Fits}
	if len(rule.Users)+len(rule.Groups) > 0 {
		named := slices.ContainsFunc(rule.Users, func(u string) bool { return strings.EqualFold(u, s.User) }) ||
			slices.ContainsFunc(rule.Groups, func(g string) bool { return slices.Contains(s.Groups, g) })
		parts = append(parts, word(named))
	}
	if len(rule.Networks) > 0 {
		parts = append(parts, inNetworkNaively(rule.Networks, r.ClientAddress))
	}
	if len(rule.Times) > 0 {
		parts = append(parts, word(slices.ContainsFunc(rule.Times, func(w mdc.TimeWindow) bool { return inWindowNaively(w, r.Now) })))
	}
	if rule.Condition != "" {
		parts = append(parts, conditions()[rule.Condition](r, s))
	}
	switch {
	case slices.Contains(parts, policy.DoesNotFit):
		return policy.DoesNotFit
	case slices.Contains(parts, policy.Unknown):
		return policy.Unknown
	}
	return policy.Fits
}

func word(fits bool) string {
	if fits {
		return policy.Fits
	}
	return policy.DoesNotFit
}

// inNetworkNaively compares with the library that knows no netip.
func inNetworkNaively(networks []string, client netip.Addr) string {
	if !client.IsValid() {
		return policy.Unknown
	}
	return word(slices.ContainsFunc(networks, func(n string) bool {
		_, block, err := net.ParseCIDR(n)
		ip := net.ParseIP(client.String())
		return err == nil && (ip.To4() == nil) == strings.Contains(n, ":") && block.Contains(ip)
	}))
}

// inWindowNaively compares what a clock in the zone shows, as text.
func inWindowNaively(w mdc.TimeWindow, now time.Time) bool {
	zone, err := time.LoadLocation(w.TimeZone)
	if err != nil {
		return false
	}
	from, to := w.From, w.To
	if from == "" {
		from = "00:00"
	}
	if to == "" {
		to = "24:00"
	}
	shown := now.In(zone).Format("15:04")
	on := func(day time.Time) bool {
		return len(w.Days) == 0 || slices.Contains(w.Days, strings.ToLower(day.Format("Mon")))
	}
	today := now.In(zone)
	yesterday := time.Date(today.Year(), today.Month(), today.Day()-1, 12, 0, 0, 0, zone)
	if from < to {
		return on(today) && shown >= from && shown < to
	}
	return on(today) && shown >= from || on(yesterday) && shown < to
}

// conditions are those that random rules have, each with what it means.
func conditions() map[string]func(policy.Request, *policy.Subject) string {
	type ask func(policy.Request, *policy.Subject) string
	attribute := func(then func(v string) bool) ask {
		return func(_ policy.Request, s *policy.Subject) string {
			v, there := s.Attributes["d"]
			if !there {
				return policy.Unknown
			}
			return word(then(v))
		}
	}
	return map[string]func(policy.Request, *policy.Subject) string{
		`attributes.d == "x"`:                      attribute(func(v string) bool { return v == "x" }),
		`attributes.d != "x"`:                      attribute(func(v string) bool { return v != "x" }),
		`has(attributes.d) && attributes.d == "y"`: func(_ policy.Request, s *policy.Subject) string { return word(s.Attributes["d"] == "y") },
		`level >= 2 || "g" in groups`: func(_ policy.Request, s *policy.Subject) string {
			return word(s.Level >= 2 || slices.Contains(s.Groups, "g"))
		},
		`user == "u" || attributes.d == "y"`: func(_ policy.Request, s *policy.Subject) string {
			v, there := s.Attributes["d"]
			switch {
			case strings.EqualFold(s.User, "u"), v == "y":
				return policy.Fits
			case !there:
				return policy.Unknown
			}
			return policy.DoesNotFit
		},
		`path.startsWith("/a/") && method == "GET"`: func(r policy.Request, _ *policy.Subject) string {
			return word(strings.HasPrefix(r.Path, "/a/") && r.Method == "GET")
		},
		`groups.all(g, g != "i")`: func(_ policy.Request, s *policy.Subject) string { return word(!slices.Contains(s.Groups, "i")) },
		`cidr("10.0.0.0/8").containsIP(client_address)`: func(r policy.Request, _ *policy.Subject) string {
			return inNetworkNaively([]string{"10.0.0.0/8"}, r.ClientAddress)
		},
		`now.getHours("Europe/Berlin") < 12`: func(r policy.Request, _ *policy.Subject) string {
			return word(inWindowNaively(mdc.TimeWindow{To: "12:00", TimeZone: "Europe/Berlin"}, r.Now))
		},
	}
}

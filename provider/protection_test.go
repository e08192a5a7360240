package provider_test

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// shielded is a kind with deletion protection: a configuration, what a state knows besides, and what makes a new object.
type shielded struct {
	config, computed, another map[string]any
	sameInOtherCase           []string
}

func shields() map[string]shielded {
	return map[string]shielded{
		"concord_data_center": {config: map[string]any{"cluster_id": "NYDC", "role": "master"},
			computed: map[string]any{"id": "NYDC", "write_enabled": true, "security_mode": "cert", "lock_timeout": "3m", "write_requires": "local", "session_capacity": 0, "availability": "active",
				"state": "active", "epoch": 1, "last_sequence": 7, "peer_url": "https://ny:7402", "runtime_url": "https://ny:7401", "version": "1"}},
		"concord_partner": {config: map[string]any{"cluster_id": "LDC", "agent_id": "a", "primary": []string{"ldc:7402"}},
			computed: map[string]any{"id": "LDC", "security_mode": "cert", "reachable": true, "paired": false, "pinned_sha256": []string{}},
			another:  map[string]any{"cluster_id": "SGDC"}, sameInOtherCase: []string{"cluster_id"}},
		"concord_replication_agreement": {config: map[string]any{"name": "n", "source": "NYDC", "target": "LDC"},
			computed: map[string]any{"id": "NYDC-LDC-1", "document_type": "ENTITY", "enabled": true, "follow": true, "wait_for_sync": false, "poll_interval": "15m", "overwrite": false,
				"identifier": "NYDC-LDC-1", "replication_identity": "replication/NYDC-LDC-1", "state": "ready", "starting_sequence": 1, "last_sequence": 7, "lag_entries": 0},
			another: map[string]any{"name": "m", "source": "ZZDC", "target": "SGDC"}, sameInOtherCase: []string{"source", "target"}},
	}
}

func with(m map[string]any, name string, v any) map[string]any {
	out := maps.Clone(m)
	out[name] = v
	return out
}

func (s shielded) state(on any) map[string]any {
	out := with(s.config, "deletion_protection", on)
	maps.Copy(out, s.computed)
	return out
}

// TestProtectedPlan: what is protected is neither destroyed nor replaced by a plan, whether its block changes or goes; without protection
// it is. No data center is asked.
func TestProtectedPlan(t *testing.T) {
	for name, s := range shields() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := plug(t, name)
			on, off := p.value(s.state(true)), p.value(s.state(false))
			if _, errors := p.plan(on, nil); !strings.Contains(errors, `protected from deletion`) || !strings.Contains(errors, "set deletion_protection = false and apply that first") || !strings.Contains(errors, "write a moved block") || !strings.Contains(errors, s.computed["id"].(string)) {
				t.Errorf("destroy: %q", errors)
			}
			if _, errors := p.plan(off, nil); errors != "" {
				t.Errorf("destroy of what is not protected: %s", errors)
			}
			for attribute, value := range s.another {
				for _, v := range []any{value, tftypes.UnknownValue} {
					// also when the same plan takes the protection away: what was applied counts
					if _, errors := p.plan(on, with(with(s.config, attribute, v), "deletion_protection", false)); !strings.Contains(errors, "Another "+attribute+" makes a new ") {
						t.Errorf("%s = %v: %q", attribute, v, errors)
					}
					if _, errors := p.plan(off, with(with(s.config, attribute, v), "deletion_protection", true)); errors != "" {
						t.Errorf("%s = %v of what was not protected: %s", attribute, v, errors)
					}
				}
			}
			for _, attribute := range s.sameInOtherCase {
				if _, errors := p.plan(on, with(with(s.config, attribute, strings.ToLower(s.config[attribute].(string))), "deletion_protection", true)); errors != "" {
					t.Errorf("%s in lower case: %s", attribute, errors)
				}
			}
		})
	}
}

// TestProtectedDelete: what reaches the deletion all the same, as with -replace or of what is tainted, is refused there.
func TestProtectedDelete(t *testing.T) {
	for name, s := range shields() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := plug(t, name)
			after, errors := p.apply(p.value(s.state(true)), tftypes.NewValue(p.typ, nil), nil)
			if !strings.Contains(errors, "It was not deleted. Leave -replace out") || strings.Contains(errors, "reach") || after.IsNull() {
				t.Errorf("%q, then %s", errors, after)
			}
			if _, errors := p.apply(p.value(s.state(false)), tftypes.NewValue(p.typ, nil), nil); !strings.Contains(errors, "Cannot reach Concord") {
				t.Errorf("not protected: %q", errors)
			}
		})
	}
}

// TestProtectionAlone: a change of the protection changes nothing else and sends nothing, and a state of a version that did not have
// it is as good as one that is not protected.
func TestProtectionAlone(t *testing.T) {
	for name, s := range shields() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := plug(t, name)
			older := s.state(nil)
			delete(older, "deletion_protection")
			states := map[string]tftypes.Value{"older": p.upgraded(older), "off": p.value(s.state(false)), "on": p.value(s.state(true))}
			for from, state := range states {
				for _, on := range []bool{true, false} {
					config := with(s.config, "deletion_protection", on)
					planned, errors := p.plan(state, config)
					if want := p.value(s.state(on)); errors != "" || !planned.Equal(want) {
						t.Errorf("%s to %v plans %s %s", from, on, planned, errors)
					}
					if after, errors := p.apply(state, planned, config); errors != "" || !after.Equal(planned) {
						t.Errorf("%s to %v gives %s %s", from, on, after, errors)
					}
				}
				if planned, errors := p.plan(state, s.config); from != "on" && (errors != "" || !planned.Equal(state)) {
					t.Errorf("%s with nothing said: %s %s", from, planned, errors)
				}
			}
			changed := with(s.config, map[string]string{"concord_data_center": "display_name", "concord_partner": "agent_id", "concord_replication_agreement": "poll_interval"}[name], "5m")
			planned, _ := p.plan(states["off"], with(changed, "deletion_protection", true))
			if _, errors := p.apply(states["off"], planned, with(changed, "deletion_protection", true)); !strings.Contains(errors, "Cannot reach Concord") {
				t.Errorf("with another change nothing is sent: %q", errors)
			}
		})
	}
}

// TestProtectedLink: a linked pair whose data centers, partners and agreement are protected is refused to be destroyed, block by block
// and as a whole, and to be replaced; it may be forgotten, imports without protection, and goes when the protection is gone.
func TestProtectedLink(t *testing.T) {
	ny, ldc := twoSites(t)
	open := linked(ny, ldc) + agreementBlock()
	shield := func(config string) string {
		return regexp.MustCompile(`(?m)^resource "concord_(data_center|partner|replication_agreement)" .*$`).ReplaceAllString(config, "$0\n  deletion_protection = true")
	}
	closed := shield(open)
	without := func(config, head string) string {
		return regexp.MustCompile(`(?s)resource "`+head+`" .*?\n}\n`).ReplaceAllString(config, "")
	}
	kept := func(noun, id string) *regexp.Regexp {
		return regexp.MustCompile(words(`The ` + noun + ` "` + id + `" is protected from deletion`))
	}
	const at = "concord_replication_agreement.x"
	acceptance(t,
		resource.TestStep{Config: open},
		resource.TestStep{Config: closed, ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(at, plancheck.ResourceActionUpdate),
			plancheck.ExpectKnownValue(at, tfjsonpath.New("state"), knownvalue.StringExact("ready"))}}},
		resource.TestStep{Config: closed, Destroy: true, ExpectError: kept("replication agreement", "NYDC-LDC-.*")},
		resource.TestStep{Config: without(closed, "concord_replication_agreement"), ExpectError: kept("replication agreement", "NYDC-LDC-.*")},
		resource.TestStep{Config: without(closed, "concord_replication_agreement") + "removed {\n  from = " + at + "\n  lifecycle {\n    destroy = false\n  }\n}\n", PlanOnly: true, ExpectNonEmptyPlan: true},
		resource.TestStep{Config: strings.Replace(closed, `"to-ldc"`, `"other"`, 1), ExpectError: regexp.MustCompile(words(`Another name makes a new replication agreement`))},
		resource.TestStep{Config: closed, ResourceName: at, ImportState: true, ImportStateVerify: true,
			ImportStateVerifyIgnore: []string{"timeouts", "last_sequence", "lag_entries", "state", "overwrite", "deletion_protection"}},
		resource.TestStep{Config: strings.ReplaceAll(closed, "deletion_protection = true", "deletion_protection = false")},
	)
}

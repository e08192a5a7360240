package mdc_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// TestPassphrases: bounds of what comes in (MSS-07), and that no form of one that goes out tells it (SEC-68).
func TestPassphrases(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"":                      true, // none
		strings.Repeat("x", 19): false, strings.Repeat("x", 20): true, strings.Repeat("é", 20): true, strings.Repeat("é", 19): false,
		strings.Repeat("x", 1024): true, strings.Repeat("x", 1025): false, " " + strings.Repeat("x", 20): false, strings.Repeat("x", 20) + "\n": false,
		strings.Repeat("x", 20) + "\x00": false, strings.Repeat("x", 20) + "\xff": false,
	} {
		for _, o := range []mdc.Object{&mdc.PartnerProfile{AgentID: "a", Passphrase: mdc.NewPassphrase(text)},
			&mdc.Partner{ClusterID: "A", AgentID: "a", Primary: []string{"h:1"}, Passphrase: mdc.NewPassphrase(text)}} {
			faults := o.Validate()
			if (len(faults) == 0) != ok {
				t.Errorf("%T %.25q…: %v", o, text, faults)
			}
			if len(text) > 5 && strings.Contains(fmt.Sprint(faults), text) {
				t.Errorf("the fault repeats it: %v", faults)
			}
			b, err := json.Marshal(o)
			if len(text) > 5 && (err != nil || strings.Contains(string(b)+fmt.Sprintf("%v %+v %#v", o, o, o), text)) {
				t.Errorf("it is shown: %s %v", b, err)
			}
		}
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := mdc.Passphrase{Wrapped: []byte("new"), Former: []byte("old"), Changed: at}
	if string(p.FormerAt(at.Add(mdc.PassphraseOverlap-time.Second))) != "old" || p.FormerAt(at.Add(mdc.PassphraseOverlap)) != nil {
		t.Error("the former one does not count for the time of the overlap")
	}
}

// TestPassphraseBits: what is weak is told from what is not.
func TestPassphraseBits(t *testing.T) {
	t.Parallel()
	for text, strong := range map[string]bool{
		"k7m2xq4tz-w3n6bv5rd-hj2sp7fgc":                                         true,
		"correct horse battery staple":                                          false,
		"correct-horse-battery-staple-anchor-tuba":                              false,
		"abstain outwit gusto cobalt ripple dainty mosaic unfold quarry tandem": true,
		strings.Repeat("a", 64):                                                 false,
		strings.Repeat("word ", 20):                                             false,
		"01234567890123456789012345678901":                                      false,
		"abcdefghijklmnopqrstuvwxyz0123456789":                                  false,
		"Xk29!vQz#8Lm@4Rt%7Wp&3Ns":                                              true,
		"":                                                                      false,
	} {
		if bits := mdc.PassphraseBits(text); (bits >= mdc.StrongPassphrase) != strong {
			t.Errorf("%q counts as %.0f bits", text, bits)
		}
	}
}

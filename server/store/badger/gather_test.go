package badger_test

import (
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// TestGather: callers who were answered together are waited for, up to their number and not for ever; one alone waits for nobody.
func TestGather(t *testing.T) {
	for name, c := range map[string]struct {
		last, n, share    int
		comes, hasAnother bool
	}{
		"alone":                       {1, 1, 1, true, false},
		"the first group":             {0, 1, 1, true, false},
		"three":                       {3, 1, 1, true, false},
		"nobody is here yet":          {16, 0, 1, true, false},
		"the others come":             {16, 1, 1, true, true},
		"the last one comes":          {16, 15, 1, true, true},
		"all are here":                {16, 16, 1, true, false},
		"more are here":               {16, 20, 1, true, false},
		"the others do not come":      {16, 1, 1, false, false},
		"half are here of two parts":  {16, 8, 2, true, false},
		"fewer are here of two parts": {17, 8, 2, true, true},
		"the last one does not come":  {16, 15, 1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := badger.Gathers(c.last, c.n, c.share, c.comes); got != c.hasAnother {
				t.Errorf("after a group of %d, one of %d gets another: %v", c.last, c.n, got)
			}
		})
	}
}

package main

import (
	"bytes"
	"strings"
	"testing"
)

func count(lines ...string) (bool, string) {
	var out bytes.Buffer
	c := newCounter(&out)
	_ = c.read(strings.NewReader(strings.Join(lines, "\n")))
	ok := c.finish()
	return ok, out.String()
}

func TestCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lines []string
		ok    bool
		want  []string // parts of the output; the last is its last line
	}{
		"all sorts": {
			[]string{`{"Action":"pass","Package":"p","Test":"A"}`, `{"Action":"pass","Package":"p","Test":"A/one"}`,
				`{"Action":"output","Package":"p","Test":"B","Output":"    b_test.go:3: no slapd\n"}`, `{"Action":"skip","Package":"p","Test":"B"}`,
				`{"Action":"pass","Package":"p","Elapsed":1.2}`},
			true, []string{"skip  p B: b_test.go:3: no slapd", "ok    p (1.2s)", "2 passed, 0 failed, 1 skipped"},
		},
		"a failure with its output": {
			[]string{`{"Action":"output","Package":"p","Test":"A","Output":"    a_test.go:1: got 2\n"}`,
				`{"Action":"fail","Package":"p","Test":"A"}`, `{"Action":"fail","Package":"p"}`},
			false, []string{"a_test.go:1: got 2", "0 passed, 1 failed, 0 skipped"},
		},
		"a package that does not build": {
			[]string{`{"Action":"build-output","ImportPath":"p","Output":"a.go:1: undefined: x\n"}`, `{"Action":"build-fail","ImportPath":"p"}`,
				`{"Action":"fail","Package":"p","FailedBuild":"p"}`},
			false, []string{"undefined: x", "0 passed, 1 failed, 0 skipped"},
		},
		"a test that kills its process": {
			[]string{`{"Action":"run","Package":"p","Test":"A"}`, `{"Action":"output","Package":"p","Test":"A","Output":"about to exit\n"}`,
				`{"Action":"fail","Package":"p"}`},
			false, []string{"about to exit", "0 passed, 1 failed, 0 skipped"},
		},
		"a linker's warning": {[]string{`warning: x`, `{"Action":"pass","Package":"p"}`}, true, []string{"warning: x", "0 passed, 0 failed, 0 skipped"}},
		"nothing at all":     {nil, false, []string{"0 passed, 1 failed, 0 skipped"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok, out := count(c.lines...)
			if ok != c.ok || !strings.HasSuffix(out, "\n"+c.want[len(c.want)-1]+"\n") {
				t.Errorf("ok %v, output\n%s", ok, out)
			}
			for _, w := range c.want {
				if !strings.Contains(out, w) {
					t.Errorf("%q is not in\n%s", w, out)
				}
			}
		})
	}
}

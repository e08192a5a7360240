package main_test

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// otherwise are the spellings of a data center in one word, or with "centre". Oracle's commands and properties have their own.
var (
	otherwise = regexp.MustCompile(`(?i)data[-_ ]?centre|datacenters?\b`)
	ours      = regexp.MustCompile(`DataCenters?\b|dataCenters?\b`)
	oracles   = regexp.MustCompile(`(?i)Multi-?DataCent(er|re)[A-Za-z]*|remoteDataCentreClusterId|IN datacenter>`)
)

// TestOneSpelling: X8. It is data_center in every name that users meet, and DataCenter in Go.
func TestOneSpelling(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"agent", "docs", "examples", "internal", "provider", "server", "templates", "README.md", "CHANGELOG.md"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			lines := bufio.NewScanner(f)
			lines.Buffer(nil, 8<<20)
			for n := 1; lines.Scan(); n++ {
				low := strings.ToLower(lines.Text())
				if !strings.Contains(low, "centre") && !strings.Contains(low, "datacenter") {
					continue
				}
				rest := ours.ReplaceAllString(oracles.ReplaceAllString(lines.Text(), ""), "")
				if wrong := otherwise.FindString(rest); wrong != "" {
					t.Errorf("%s:%d: %s is spelt otherwise elsewhere", path, n, wrong)
				}
			}
			return lines.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

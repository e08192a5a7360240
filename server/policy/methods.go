package policy

import (
	"fmt"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// methodSet is a bit for each of mdc.Methods, in that order; 0 from methodBit is an unknown method.
type methodSet uint8

const allMethods methodSet = 1<<7 - 1

// methodBit is written out: it runs for each request and must not search a slice.
func methodBit(m string) methodSet {
	switch m {
	case "DELETE":
		return 1 << 0
	case "GET":
		return 1 << 1
	case "HEAD":
		return 1 << 2
	case "OPTIONS":
		return 1 << 3
	case "PATCH":
		return 1 << 4
	case "POST":
		return 1 << 5
	case "PUT":
		return 1 << 6
	}
	return 0
}

// methodsOf gives the set of names; none = all known ones.
func methodsOf(names []string) (methodSet, error) {
	if len(names) == 0 {
		return allMethods, nil
	}
	var s methodSet
	for _, n := range names {
		if !slices.Contains(mdc.Methods(), n) || methodBit(n) == 0 {
			return 0, fmt.Errorf("method %q is unknown", n)
		}
		s |= methodBit(n)
	}
	return s, nil
}

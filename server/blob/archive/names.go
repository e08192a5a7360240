package archive

import (
	"path"
	"strings"
)

// sort of an entry.
type sort uint8

const (
	file sort = iota
	folder
	link
)

// contents are the entries so far, by cleaned name. Links may lead to other entries as long as none of them, whatever the
// order of unpacking, leads outside.
type contents struct {
	all   map[string]sort
	order []string
}

func newContents() *contents { return &contents{all: map[string]sort{}} }

// add takes one entry; target is a link's.
func (c *contents) add(name string, what sort, target string) error {
	if why := badName(name); why != "" {
		return refuse(name, "%s", why)
	}
	at := path.Clean(name)
	if at == "." { // the archive's own folder, as "./"
		if what != folder {
			return refuse(name, "is named like the folder itself")
		}
		return nil
	}
	was, known := c.all[at]
	switch {
	case known && (was != folder || what != folder):
		return refuse(name, "is there twice")
	case what == link && leadsOut(at, target):
		return refuse(name, "is a link that leads, or may lead, outside: to %q", target[:min(len(target), 200)])
	case !known:
		c.all[at] = what
		c.order = append(c.order, at)
	}
	return nil
}

// finish refuses an entry below a link, which would be written where the link leads, or below a file.
func (c *contents) finish() error {
	for _, name := range c.order {
		for up := path.Dir(name); up != "."; up = path.Dir(up) {
			if what, known := c.all[up]; known && what != folder {
				return refuse(name, "lies below %q, which is no folder", up)
			}
		}
	}
	return nil
}

func badName(name string) string {
	switch {
	case name == "":
		return "has no name"
	case len(name) > maxName:
		return "has a name that is too long"
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "has control characters in its name"
	case strings.Contains(name, `\`):
		return "has a backslash in its name"
	case strings.HasPrefix(name, "/"):
		return "has an absolute name"
	case hasDrive(name):
		return "has a drive letter in its name"
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == ".." {
			return `has ".." in its name`
		}
	}
	return ""
}

func hasDrive(name string) bool {
	return len(name) > 1 && name[1] == ':' && (name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z')
}

// leadsOut judges a link by its text alone: ".." may stand only in front, because behind another name, which may itself be
// a link, nobody knows where it leads.
func leadsOut(at, target string) bool {
	if target == "" || len(target) > maxName || strings.HasPrefix(target, "/") || strings.Contains(target, `\`) || hasDrive(target) {
		return true
	}
	ups, down := 0, false
	for segment := range strings.SplitSeq(target, "/") {
		switch {
		case segment == ".." && down:
			return true
		case segment == "..":
			ups++
		case segment != "." && segment != "":
			down = true
		}
	}
	return ups > strings.Count(at, "/")
}

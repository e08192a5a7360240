package oam

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/magiconair/properties"
)

// entry is one property and the line on which it begins, from 1.
type entry struct {
	line       int
	key, value string
}

// line is a logical line: what Java's Properties.load makes of one or more lines that a backslash joins.
type line struct {
	number int
	text   string
}

// logical splits a text into logical lines without comments and blank ones (Java SE, java.util.Properties.load). The library that
// reads each of them does not do it: it does not join lines that end with CR LF, nor within a key, and tells no line of an entry.
func logical(text string) (out []line) {
	natural := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(text, "\ufeff")), "\n")
	for i := 0; i < len(natural); i++ {
		l := line{number: i + 1}
		part := strings.TrimLeft(natural[i], blanks)
		if part == "" || part[0] == '#' || part[0] == '!' {
			continue
		}
		var b strings.Builder
		for ; continues(part) && i+1 < len(natural); i++ {
			b.WriteString(part[:len(part)-1])
			part = strings.TrimLeft(natural[i+1], blanks)
		}
		b.WriteString(part)
		if l.text = b.String(); continues(part) { // the text ends there
			l.text = l.text[:len(l.text)-1]
		}
		if l.text != "" {
			out = append(out, l)
		}
	}
	return out
}

const blanks = " \t\f"

// continues says whether a line ends with a backslash that is not itself escaped.
func continues(s string) bool { return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1 }

// read takes one logical line apart. The errors are worded to follow "line 3:" and repeat nothing of the line.
func read(l line) (entry, error) {
	switch l.text[0] {
	case '=', ':':
		return entry{}, errors.New("has a value without a key")
	case '#', '!': // joined to an empty line, so no comment
		l.text = `\` + l.text
	}
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true} // ${…} is text, not our environment
	p, err := loader.LoadBytes([]byte(l.text))
	if err != nil {
		return entry{}, errors.New(`has an escape that is none: four hexadecimal digits follow \u, and a backslash is written \\`)
	}
	keys := p.Keys()
	if len(keys) != 1 {
		return entry{}, errors.New("is no property, KEY=VALUE")
	}
	value, _ := p.Get(keys[0])
	if strings.ContainsRune(keys[0]+value, utf8.RuneError) && !strings.ContainsRune(l.text, utf8.RuneError) {
		return entry{}, errors.New(`writes a character as two \u escapes, or half of one; write the character itself`)
	}
	if strings.ContainsFunc(keys[0]+value, control) {
		return entry{}, errors.New("writes a control character as an escape")
	}
	return entry{l.number, keys[0], value}, nil
}

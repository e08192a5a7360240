package console

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// Longest files of a theme, in bytes.
const (
	MaxCSS  = 256 << 10
	MaxLogo = 512 << 10
)

// Theme is what an organisation puts in the place of Concord's looks. The zero value changes nothing.
type Theme struct {
	Title string // stands beside the logo and in titles, in place of "Concord"
	CSS   []byte // laid over the pages' own style sheet
	Logo  []byte // SVG or PNG
}

// check refuses what would break a page, or could run in one.
func (t Theme) check() error {
	switch {
	case len(t.CSS) > MaxCSS || !utf8.Valid(t.CSS) || bytes.Contains(t.CSS, []byte("<")):
		return errors.New("the style sheet is not UTF-8, longer than 256 KiB, or holds a < sign")
	case len(t.Logo) > MaxLogo || len(t.Logo) > 0 && t.logoType() == "":
		return errors.New("the logo is neither SVG nor PNG, or longer than 512 KiB")
	case len(t.Title) > 80 || !utf8.ValidString(t.Title):
		return errors.New("the title is longer than 80 bytes")
	}
	return nil
}

func (t Theme) logoType() string {
	switch {
	case bytes.HasPrefix(t.Logo, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case utf8.Valid(t.Logo) && bytes.Contains(t.Logo, []byte("<svg")):
		return "image/svg+xml"
	}
	return ""
}

// Logo gives the theme's logo and its media type; false when there is none. What it holds is somebody's file: the sender must
// keep it from running when it is opened by itself.
func (p *Pages) Logo() (logo []byte, mediaType string, ok bool) {
	return bytes.Clone(p.theme.Logo), p.theme.logoType(), len(p.theme.Logo) > 0
}

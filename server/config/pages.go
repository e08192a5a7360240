package config

import (
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// maxTitle is the longest title of the pages, in bytes.
const maxTitle = 80

// Pages is how the pages that people see look. The zero value is Concord's own looks.
type Pages struct {
	Title    string // in place of "Concord"
	CSSFile  string // absolute; laid over the pages' own style sheet
	LogoFile string // absolute; SVG or PNG
}

// pages reads the block pages { title = "Example", css_file = "theme.css", logo_file = "logo.svg" }; each may be left out.
func (d *decoder) pages(c *hcl.BodyContent, n *Node) {
	b := d.only(c, "pages")
	if b == nil {
		return
	}
	pc := d.content(b.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "title"}, {Name: "css_file"}, {Name: "logo_file"}}})
	title, ok := d.text(pc, "title")
	if ok && (len(title) > maxTitle || !utf8.ValidString(title)) {
		d.faults.add(pc.Attributes["title"].Expr.Range(), "Invalid title", "title is longer than %d bytes", maxTitle)
	}
	n.Pages = Pages{Title: title, CSSFile: d.path(pc, "css_file"), LogoFile: d.path(pc, "logo_file")}
}

func renderPages(b *hclwrite.Body, p Pages) {
	if p == (Pages{}) {
		return
	}
	b.AppendNewline()
	pb := b.AppendNewBlock("pages", nil).Body()
	set(pb, "title", p.Title)
	set(pb, "css_file", p.CSSFile)
	set(pb, "logo_file", p.LogoFile)
}

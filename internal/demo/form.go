package main

import (
	"fmt"
	"strings"

	"golang.org/x/net/html"
)

// form is an HTML form, as far as a person without scripts needs it.
type form struct {
	action         string
	hidden         map[string]string
	user, password string // names of the fields
}

// parseForms finds all forms of a page. What is no HTML has none.
func parseForms(body string) ([]form, error) {
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	var out []form
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" {
			out = append(out, readForm(n))
		}
	}
	return out, nil
}

func readForm(n *html.Node) form {
	f := form{action: attribute(n, "action"), hidden: map[string]string{}}
	for in := range n.Descendants() {
		if in.Type != html.ElementNode || in.Data != "input" && in.Data != "button" {
			continue
		}
		name := attribute(in, "name")
		switch kind := attribute(in, "type"); {
		case name == "":
		case kind == "hidden" || in.Data == "button":
			f.hidden[name] = attribute(in, "value")
		case kind == "password":
			f.password = name
		case f.user == "" && (kind == "" || kind == "text" || kind == "email"):
			f.user = name
		}
	}
	return f
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// stripTags gives the text of a page.
func stripTags(body string) string {
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return body
	}
	var b strings.Builder
	for n := range doc.Descendants() {
		if n.Type == html.TextNode && (n.Parent == nil || n.Parent.Data != "style" && n.Parent.Data != "script") {
			b.WriteString(n.Data + " ")
		}
	}
	return b.String()
}

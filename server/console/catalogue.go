package console

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

//go:embed catalogue/*.json
var catalogueFiles embed.FS

// maxAcceptLanguage is how much of a browser's wish is read, in bytes.
const maxAcceptLanguage = 256

// fallback is the language of whoever asks for none that there is.
const fallback = "en"

// Text is the catalogue of one language. Every page carries one.
type Text struct {
	tag     string
	phrases map[string]string
}

// Lang is the language's tag, for the page's lang attribute.
func (t *Text) Lang() string { return t.tag }

// Say gives a phrase with {0}, {1}, … replaced. A key that is not there is a mistake of ours and shows as the key.
func (t *Text) Say(key string, args ...string) string {
	s, ok := t.phrases[key]
	if !ok {
		return key
	}
	for i, a := range args {
		s = strings.Replace(s, "{"+strconv.Itoa(i)+"}", a, 1)
	}
	return s
}

// Fault words a refusal for a person, by its stable code; kind is what is said of a code that has no sentence of its own.
func (t *Text) Fault(code, kind string) string {
	if s, ok := t.phrases["fault."+code]; ok {
		return s
	}
	return t.Say("fault.kind." + kind)
}

// Stamp is a time for people; UTC, because the reader's zone is not known without a script.
func (t *Text) Stamp(at time.Time) string {
	at = at.UTC()
	months := strings.Split(t.Say("months"), ",")
	month := at.Month().String()
	if len(months) == 12 {
		month = months[at.Month()-1]
	}
	return strings.NewReplacer("{day}", strconv.Itoa(at.Day()), "{month}", month, "{year}", strconv.Itoa(at.Year()), "{time}", at.Format("15:04")).Replace(t.Say("date"))
}

// catalogue holds every language.
type catalogue struct {
	texts   []*Text // the fallback first
	matcher language.Matcher
}

func newCatalogue() (*catalogue, error) {
	entries, err := catalogueFiles.ReadDir("catalogue")
	if err != nil {
		return nil, fmt.Errorf("read catalogues: %w", err)
	}
	c := &catalogue{}
	for _, e := range entries {
		b, err := catalogueFiles.ReadFile(path.Join("catalogue", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read catalogue: %w", err)
		}
		t := &Text{tag: strings.TrimSuffix(e.Name(), ".json")}
		if err := json.Unmarshal(b, &t.phrases); err != nil {
			return nil, fmt.Errorf("read catalogue %s: %w", e.Name(), err)
		}
		if c.texts = append(c.texts, t); t.tag == fallback {
			c.texts[0], c.texts[len(c.texts)-1] = t, c.texts[0]
		}
	}
	var tags []language.Tag
	for _, t := range c.texts {
		tags = append(tags, language.Make(t.tag))
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

// choose takes the language that fits a browser's Accept-Language best (RFC 9110 section 12.5.4).
func (c *catalogue) choose(accept string) *Text {
	if accept == "" || len(accept) > maxAcceptLanguage {
		return c.texts[0]
	}
	_, i := language.MatchStrings(c.matcher, accept)
	return c.texts[i]
}

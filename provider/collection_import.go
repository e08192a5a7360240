package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// wanted is one word of an import: a name, or the beginning of names.
type wanted struct {
	text   string // folded
	prefix bool
	met    bool
}

var errTooManyMembers = errors.New("too many")

// ImportState imports by names with commas between them; a * at the end of one stands for all that begin with what is before it, and a
// * alone for all there are.
func (c *collection[E, M, V, P]) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	id := types.StringValue(req.ID)
	if req.ID == "" && req.Identity != nil {
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root("id"), &id)...)
	}
	words := c.wantedBy(id.ValueString())
	if len(words) == 0 {
		resp.Diagnostics.AddError("Cannot import "+c.noun, fmt.Sprintf("The id must be names with commas between them, such as \"%[1]s,%[2]s\"; \"%[1]s*\" stands for all whose names begin so, and \"*\" for all %[3]s.", "a-name", "another", c.members))
	}
	if !c.ready(&resp.Diagnostics) {
		return
	}
	now := c.held(id, nil, nil)
	err := c.every(ctx, func(s sighting[V]) error {
		if !c.chosen(words, s.name) {
			return nil
		}
		if len(now.entries) == maxMembers {
			return errTooManyMembers
		}
		var none E
		now.entries[s.name], now.etags[s.name] = c.filled(s.name, none, s.view), s.etag
		return nil
	})
	switch missing := unmet(words); {
	case errors.Is(err, errTooManyMembers):
		resp.Diagnostics.AddError("Cannot import "+c.noun, fmt.Sprintf("More than %d %s fit, which is more than one collection holds. Choose fewer, such as \"a*\", and make several collections.", maxMembers, c.members))
	case err != nil:
		c.refused(reading, "", resp.State.Schema, err, &resp.Diagnostics)
	case len(missing) > 0:
		resp.Diagnostics.AddError("Cannot import "+c.noun, fmt.Sprintf("The data center at %s has no %s of these names: %s.", c.client.Endpoint(), c.members, named(missing)))
	default:
		c.keep(ctx, now, kept{&resp.State, resp.Identity, resp.Private}, &resp.Diagnostics)
	}
}

// wantedBy reads an import's id.
func (c *collection[E, M, V, P]) wantedBy(id string) (words map[string]*wanted) {
	words = map[string]*wanted{}
	for word := range strings.SplitSeq(id, ",") {
		word = c.fold(strings.TrimSpace(word))
		if before, ok := strings.CutSuffix(word, "*"); ok {
			words[word] = &wanted{text: before, prefix: true}
		} else if word != "" {
			words[word] = &wanted{text: word}
		}
	}
	return words
}

// chosen says whether a name is imported, and notes by which words.
func (c *collection[E, M, V, P]) chosen(words map[string]*wanted, name string) (chosen bool) {
	name = c.fold(name)
	if w := words[name]; w != nil {
		w.met, chosen = true, true
	}
	for _, w := range words {
		if w.prefix && strings.HasPrefix(name, w.text) {
			w.met, chosen = true, true
		}
	}
	return chosen
}

// unmet are the words that chose nothing, but for the one that asks for all.
func unmet(words map[string]*wanted) (missing []string) {
	for word, w := range words {
		if !w.met && word != "*" {
			missing = append(missing, word)
		}
	}
	slices.Sort(missing)
	return missing
}

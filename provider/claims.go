package provider

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
)

// claim is a resource that declares an object in this run.
type claim struct {
	by      string // its type
	creates bool   // it has nothing in the state yet
}

// claims notes who declares an object, and gives the type of another resource that declares it already; "" for none. Of two resources of
// one type only two that create it are another for sure: Terraform asks twice about one that it replaces.
func (f *foreseen) claims(kind, name string, c claim) (other string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	object := kind + " " + name
	if f.claimed == nil {
		f.claimed = map[string]claim{}
	}
	was, ok := f.claimed[object]
	if !ok {
		f.claimed[object] = c
		return ""
	}
	if was.by != c.by || was.creates && c.creates {
		return was.by
	}
	return ""
}

// twice refuses an object that two resources declare: each plan would undo what the other one did.
func twice(noun, name, other string, at path.Path, diags *diag.Diagnostics) {
	if name != "" {
		noun = fmt.Sprintf("%s %q", noun, name)
	}
	diags.AddAttributeError(at, fmt.Sprintf("The %s is declared twice", noun),
		fmt.Sprintf("Another %s of this configuration declares it too, with the same data center. They would undo each other's changes, so leave it out of one of them. "+
			"To move it from one to the other without deleting it, write a removed block with destroy = false for the old one.", other))
}

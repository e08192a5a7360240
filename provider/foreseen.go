package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// foreseen is what the server would refuse and a plan can know: a reference to nothing, and a write to a clone. Each question is asked
// once in a run, whatever number of objects it is about; what nobody answers is left to the apply.
type foreseen struct {
	mu        sync.Mutex          // guards all below
	made      map[string]bool     // objects that this run plans, as "group staff"
	claimed   map[string]claim    // who declares what, by object
	vague     map[string]bool     // kinds of which this run plans an object whose name is not known yet
	asked     map[string]*verdict // by object; "" is the data center
	read      map[string][]byte   // private state that came with a reading, by type and id
	rehearsed map[string]int      // changes that the server was asked about, by kind
	deaf      bool                // the data center cannot be reached: nothing more is asked
	role      string              // that this run plans for the data center; "" = none
}

// verdict is the answer to one question.
type verdict struct {
	once sync.Once
	bad  bool
}

// promise notes an object that this run makes or keeps: what depends on it is planned after it, and may refer to it.
func (f *foreseen) promise(kind, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.made == nil {
		f.made = map[string]bool{}
	}
	f.made[promised(kind, name)] = true
}

// vaguely notes that this run makes an object of a kind whose name is not known yet: none of that kind is missing for sure.
func (f *foreseen) vaguely(kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.vague == nil {
		f.vague = map[string]bool{}
	}
	f.vague[kind] = true
}

// plans says whether this run makes or keeps an object, or may.
func (f *foreseen) plans(kind, name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.vague[kind] || f.made[promised(kind, name)]
}

// promised is an object of a kind in one word. For some kinds upper and lower case are the same; for the others a promise may be taken for
// that of another object, which refuses less.
func promised(kind, name string) string { return kind + " " + strings.ToLower(name) }

// plansAny is plans for any object of a kind.
func (f *foreseen) plansAny(kind string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for object := range f.made {
		if strings.HasPrefix(object, kind+" ") {
			return true
		}
	}
	return f.vague[kind]
}

// becomes notes the role that this run plans for the data center.
func (f *foreseen) becomes(role string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.role = role
}

// turns says whether this run plans the data center itself.
func (f *foreseen) turns() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.role != ""
}

// question gives the verdict on a subject, to be filled once; nil where there is nothing to ask.
func (f *foreseen) question(subject string) *verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deaf {
		return nil
	}
	if f.asked == nil {
		f.asked = map[string]*verdict{}
	}
	if f.asked[subject] == nil {
		f.asked[subject] = &verdict{}
	}
	return f.asked[subject]
}

// ask reads something within the time that a plan has for it.
func (f *foreseen) ask(ctx context.Context, c *client.Client, at string, out any) error {
	return f.try(ctx, c, client.Request{Method: http.MethodGet, Path: at, Out: out})
}

// try makes a request that changes nothing within the time that a plan has for it; nil also from a data center that did not answer before.
func (f *foreseen) try(ctx context.Context, c *client.Client, req client.Request) error {
	return f.within(ctx, c, req, f.listened)
}

// judge is try of a dry run. For its answer the data center may have to ask another one, so its silence says nothing about itself.
func (f *foreseen) judge(ctx context.Context, c *client.Client, req client.Request) error {
	return f.within(ctx, c, req, func(context.Context, error) {})
}

func (f *foreseen) within(ctx context.Context, c *client.Client, req client.Request, heard func(context.Context, error)) error {
	if f.silent() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, planWait)
	defer cancel()
	_, err := c.Do(ctx, req)
	heard(ctx, err)
	return err
}

// silent says whether the data center did not answer a question of this plan.
func (f *foreseen) silent() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deaf
}

// listened notes what became of a question.
func (f *foreseen) listened(ctx context.Context, err error) {
	if !fault.Is(err, fault.Unavailable) && ctx.Err() == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deaf = true
}

// missing says whether the data center has no such object and this run plans none.
func (f *foreseen) missing(ctx context.Context, c *client.Client, kind, name string) bool {
	if name == "" || kind == "authentication_scheme" && name == "password" || kind == "identity_store" && name == "local" { // these are there without being objects
		return false
	}
	if f.plans(kind, name) {
		return false
	}
	v := f.question(kind + " " + name)
	if v == nil {
		return false
	}
	v.once.Do(func() { v.bad = gone(f.ask(ctx, c, client.Path("v1", routes(kind), name), nil)) })
	return v.bad && f.everything(ctx, c)
}

// everything says whether the token reads what belongs to no security domain. One that is limited to domains is told of an object outside
// of them that there is none, although objects of its domain may refer to it.
func (f *foreseen) everything(ctx context.Context, c *client.Client) bool {
	v := f.question("everything")
	if v == nil {
		return false
	}
	v.once.Do(func() { v.bad = f.ask(ctx, c, client.Path("v1", "session-policy"), nil) != nil })
	return !v.bad
}

// closed says whether the data center is a clone that takes no writes, and stays one in this run.
func (f *foreseen) closed(ctx context.Context, c *client.Client) bool {
	v := f.question("")
	if v == nil {
		return false
	}
	v.once.Do(func() {
		var here wire.DataCenterView
		err := f.ask(ctx, c, client.Path("v1", "data-center"), &here)
		v.bad = err == nil && here.Role == clone && (here.WriteEnabled == nil || !*here.WriteEnabled)
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	return v.bad && (f.role == "" || f.role == clone)
}

// foresight is a resource that looks ahead: a kind, as what kind of objects its references are judged, and below which prefix they lie.
type foresight struct {
	kind
	as, prefix string
	client     *client.Client
	seen       *foreseen
	schema     typed
}

// foresee refuses a change of a replicated object at a clone, in the server's words, and references to nothing.
func (l foresight) foresee(ctx context.Context, id string, was, will tftypes.Value, diags *diag.Diagnostics) {
	if l.client == nil || will.IsNull() || diags.HasError() || !was.IsNull() && will.Equal(was) {
		return
	}
	op := creating
	if !was.IsNull() {
		op = updating
	}
	if l.replicates && l.seen.closed(ctx, l.client) {
		if err := l.atClone(ctx, id); fault.CodeOf(err) == "not_master" {
			l.refused(op, id, l.schema, err, diags)
			return
		}
	}
	for _, r := range refers(l.as) {
		mentioned(will, l.prefix+r.at, func(name string, at path.Path) {
			if l.seen.missing(ctx, l.client, r.kind, name) {
				diags.AddAttributeError(at, l.cannot(op, id), fmt.Sprintf("%s: there is no %s named %q at %s, and this plan makes none before it.\n\n%s "+
					"Where another provider alias makes it in the same apply, refer to its id, which is not known before.", at, r.kind, name, l.client.Endpoint(), fieldAdvice("there is no ")))
			}
		})
	}
}

// atClone has the server say why a clone takes no change, and where the master is. It is a rehearsal, and a clone refuses it besides.
func (l foresight) atClone(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, planWait)
	defer cancel()
	at := l.path
	if !l.singleton && l.members == "" {
		at = append(append([]string(nil), at...), id)
	}
	if l.members != "" {
		at = append(append([]string(nil), at...), "any")
	}
	_, err := l.client.Do(ctx, client.Request{Method: http.MethodDelete, Path: client.Path(at...), Query: url.Values{"dry_run": {"true"}}})
	return err
}

package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/concord-access/terraform-provider-concord/internal/client"
)

var _ list.ListResourceWithConfigure = (*lister)(nil)

// listable is a resource whose objects can be listed: every one that embeds base.
type listable interface {
	resource.Resource
	described() kind
	found(ctx context.Context, raw json.RawMessage, into *tfsdk.Resource) (found, error)
}

// found is what a list tells of an object.
type found struct{ id, name, title, domain string }

// lister finds the objects of a resource's kind for `terraform query`. It asks a page at a time and holds no more than that.
type lister struct {
	made   func() resource.Resource
	client *client.Client // nil while the provider block holds unknown values
}

// listResources makes a list of every resource that can be listed.
func listResources(resources []func() resource.Resource) (all []func() list.ListResource) {
	for _, made := range resources {
		if _, ok := made().(listable); ok {
			all = append(all, func() list.ListResource { return &lister{made: made} })
		}
	}
	return all
}

// Metadata names the type, which is the resource's.
func (l *lister) Metadata(ctx context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	l.made().Metadata(ctx, req, resp)
}

// Configure takes the client over.
func (l *lister) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		l.client = c.client
	}
}

// ListResourceConfigSchema describes the filters.
func (l *lister) ListResourceConfigSchema(ctx context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	var of resource.SchemaResponse
	one, ok := l.made().(listable)
	if !ok {
		return // listResources makes none of these
	}
	one.Schema(ctx, resource.SchemaRequest{}, &of)
	resp.Schema = listSchema(one.described(), of.Schema)
}

// List gives one object after the other, in the server's order, until the limit or the end.
func (l *lister) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var diags diag.Diagnostics
	one, ok := l.made().(listable)
	if !ok || l.client == nil {
		addUnconfigured(&diags)
	}
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	k := one.described()
	only, query := k.chosen(ctx, req.Config, &diags)
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	s := &streamed{lister: l, one: one, kind: k, req: req, only: only}
	stream.Results = func(push func(list.ListResult) bool) { s.run(ctx, query, push) }
}

// streamed is one list under way.
type streamed struct {
	*lister
	kind
	one  listable
	req  list.ListRequest
	only choice
	sent int64
}

// errEnough ends a list before its end.
var errEnough = errors.New("enough")

func (s *streamed) run(ctx context.Context, query url.Values, push func(list.ListResult) bool) {
	err := s.each(ctx, query, func(raw json.RawMessage) error { return s.show(ctx, raw, push) })
	if err == nil || errors.Is(err, errEnough) {
		return
	}
	var diags diag.Diagnostics
	if errors.Is(err, errTooMany) {
		diags.AddError(fmt.Sprintf("Too many %s for one list", s.many()), fmt.Sprintf("There are more than %d. Set limit, or choose fewer with the arguments of the list's config block.", maxListed))
	} else {
		about := s.kind
		about.noun = s.many()
		about.refused(finding, "", s.req.ResourceSchema, err, &diags)
	}
	push(list.ListResult{Diagnostics: diags})
}

// each shows every object to visit: those of a collection page by page, or the one that always exists.
func (s *streamed) each(ctx context.Context, query url.Values, visit func(json.RawMessage) error) error {
	if s.singleton {
		var raw json.RawMessage
		if _, err := s.client.Do(ctx, client.Request{Method: http.MethodGet, Path: client.Path(s.path...), Query: query, Out: &raw}); err != nil {
			return err
		}
		return visit(raw)
	}
	switch {
	case s.atOnce:
	case s.req.Limit > 0 && s.req.Limit < pluralPageSize && s.only.all():
		query.Set("limit", strconv.FormatInt(s.req.Limit, 10))
	default:
		query.Set("limit", pluralPage)
	}
	return client.Each(ctx, s.client, client.Path(s.path...), query, visit)
}

// show tells Terraform of one object, if it fits.
func (s *streamed) show(ctx context.Context, raw json.RawMessage, push func(list.ListResult) bool) error {
	result := s.req.NewListResult(ctx)
	var into *tfsdk.Resource
	if s.req.IncludeResource {
		into = result.Resource
	}
	f, err := s.one.found(ctx, raw, into)
	if err != nil || !s.only.fits(f.name, f.domain) {
		return err
	}
	if s.sent == maxListed {
		return errTooMany
	}
	result.DisplayName = f.title
	s.identify(ctx, result.Identity, f.id, &result.Diagnostics)
	if s.sent++; !push(result) || s.sent == s.req.Limit {
		return errEnough
	}
	return nil
}

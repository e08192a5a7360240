package provider

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

var _ datasource.DataSourceWithConfigure = (*validationSource)(nil)

// validateTime leaves two seconds for each partner that does not answer; it is that of `concord validate`.
const validateTime = 2 * time.Minute

// validationSource has the server look at its configuration; it has filters, so it reads by itself.
type validationSource struct {
	kind
	client *client.Client // nil while the provider block holds unknown values
}

func newValidationSource() datasource.DataSource {
	return &validationSource{kind: kind{name: "validation", noun: "validation", path: []string{"v1", "validate"}}}
}

// Metadata names the type.
func (s *validationSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + s.name
}

// Configure takes the client over.
func (s *validationSource) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		s.client = c.client
	}
}

// Schema describes the data source.
func (s *validationSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(what string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: what}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What `concord validate` finds, asked of the data center that the provider's endpoint is when the data source is read: its objects and what they refer to, certificates, agreements, clocks and versions, and each edge to another data center; for `check` blocks. It changes nothing. A partner that does not answer costs two seconds, and all together at most two minutes.",
		Attributes: map[string]schema.Attribute{
			"severity": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("error", "warning")},
				MarkdownDescription: "Only findings of this severity: `error` (something does not work, or will not when it is needed) or `warning` (it works now, and wants a look soon). Default: both."},
			"ignore_codes": schema.SetAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.Set{setvalidator.NoNullValues(), setvalidator.SizeAtMost(100)},
				MarkdownDescription: "Codes of findings that are left out, such as `no_agreement`."},
			"id":     text("Cluster id of the data center that answered."),
			"result": text("`fail` when there is a finding of severity `error`, otherwise `pass`. The filters do not change it."),
			"clean":  schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the filters leave no finding."},
			"findings": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "What is not as it should be and passes the filters, at most 1,000.", NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"code":     text("What it is, in a word that stays the same, such as `partner_unreachable`."),
				"severity": text("`error` or `warning`."),
				"subject":  text("Kind and name of what it is about, such as `partner LDC`, or `edge LDC to SGDC` for what another data center says of itself."),
				"detail":   text("What is wrong, in a sentence."),
				"hint":     text("What to do about it."),
			}}},
			"edges": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "Each edge between two data centers that one of these findings is about; `concord_trust_matrix` has the sound ones too.", NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"from":   text("Cluster id of the data center that calls."),
				"to":     text("Cluster id of the data center that is called."),
				"result": text("`fail` when one of the findings about it is an error, otherwise `pass`."),
				"codes":  schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Codes of the findings about it, each once."},
			}}},
		},
	}
}

type validationModel struct {
	Severity    types.String        `tfsdk:"severity"`
	IgnoreCodes []string            `tfsdk:"ignore_codes"`
	ID          types.String        `tfsdk:"id"`
	Result      types.String        `tfsdk:"result"`
	Clean       types.Bool          `tfsdk:"clean"`
	Findings    []findingModel      `tfsdk:"findings"`
	Edges       []findingsEdgeModel `tfsdk:"edges"`
}

type findingModel struct {
	Code     string `tfsdk:"code"`
	Severity string `tfsdk:"severity"`
	Subject  string `tfsdk:"subject"`
	Detail   string `tfsdk:"detail"`
	Hint     string `tfsdk:"hint"`
}

type findingsEdgeModel struct {
	From   string   `tfsdk:"from"`
	To     string   `tfsdk:"to"`
	Result string   `tfsdk:"result"`
	Codes  []string `tfsdk:"codes"`
}

// Read has the server look, and keeps what the filters leave.
func (s *validationSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m validationModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if s.client == nil {
		later(req, resp)
		return
	}
	var view wire.Validation
	if _, err := s.client.Do(ctx, client.Request{Method: http.MethodGet, Path: client.Path(s.path...), Out: &view, Timeout: validateTime}); err != nil {
		s.refused(reading, "", req.Config.Schema, err, &resp.Diagnostics)
		return
	}
	m.fill(view)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *validationModel) fill(v wire.Validation) {
	m.ID, m.Result, m.Findings, m.Edges = types.StringValue(v.ID), types.StringValue(v.Result), []findingModel{}, []findingsEdgeModel{}
	for _, f := range v.Findings {
		if want := m.Severity.ValueString(); want != "" && want != f.Severity || slices.Contains(m.IgnoreCodes, f.Code) {
			continue
		}
		m.Findings = append(m.Findings, findingModel(f))
		m.edge(v.ID, f)
	}
	m.Clean = types.BoolValue(len(m.Findings) == 0)
}

// edge counts a finding to the edge that its subject names: a partner of here, or two others.
func (m *validationModel) edge(here string, f wire.Finding) {
	from, to := here, ""
	if partner, ok := strings.CutPrefix(f.Subject, "partner "); ok {
		to = partner
	} else if both, ok := strings.CutPrefix(f.Subject, "edge "); ok {
		from, to, _ = strings.Cut(both, " to ")
	}
	if to == "" {
		return
	}
	i := slices.IndexFunc(m.Edges, func(e findingsEdgeModel) bool { return e.From == from && e.To == to })
	if i < 0 {
		i = len(m.Edges)
		m.Edges = append(m.Edges, findingsEdgeModel{From: from, To: to, Result: wire.ResultPass, Codes: []string{}})
	}
	if e := &m.Edges[i]; !slices.Contains(e.Codes, f.Code) {
		e.Codes = append(e.Codes, f.Code)
	}
	if f.Severity == "error" {
		m.Edges[i].Result = wire.ResultFail
	}
}

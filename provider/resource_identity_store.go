package provider

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var (
	_ resource.ResourceWithImportState    = (*identityStoreResource)(nil)
	_ resource.ResourceWithIdentity       = (*identityStoreResource)(nil)
	_ resource.ResourceWithValidateConfig = (*identityStoreResource)(nil)
)

type identityStoreResource struct {
	base[identityStoreModel, wire.IdentityStoreView, *identityStoreModel]
}

func newIdentityStore() resource.Resource {
	r := &identityStoreResource{}
	r.kind = kind{name: "identity_store", noun: "identity store", path: []string{"v1", "identity-stores"}, replicates: true, overridable: true}
	return r
}

// Schema describes the resource.
func (r *identityStoreResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	all := map[string]schema.Attribute{
		"id": idAttribute("The store's name; also what it is imported by."),
		"name": schema.StringAttribute{Required: true, Validators: []validator.String{attr.Name()}, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			MarkdownDescription: "Name of the store, the same in every data center; not `local`, which is the store of `concord_user`s. Sessions name it. A new name is a new store, and ends the sessions of the former one."},
		"description": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtMost(1024)},
			MarkdownDescription: "What the store is, up to 1,024 characters."},
		"security_domain": securityDomainAttribute(),
	}
	for _, part := range []map[string]schema.Attribute{serverAttributes(), peopleAttributes(), boundAttributes()} {
		for name, a := range part {
			all[name] = a
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "An LDAP directory whose people can sign in at every data center. Identity stores are replicated: declare them on the master. A data center whose directory has another address lays its own `urls` over the store with `concord_override`. " +
			"Whoever signs in is known by the value of `user_name_attribute`; a policy's groups are those of the directory whose names are spelled like those of a `concord_group`. The server's documentation has the page \"Identity stores\".",
		Attributes: all,
	}
}

func flag(what string) schema.BoolAttribute {
	return schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(false), MarkdownDescription: what}
}

func distinguished(what string, more ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Validators: append(more, stringvalidator.LengthBetween(1, 1024)), MarkdownDescription: what}
}

func directoryAttribute(what string, more ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Validators: append(more, attr.DirectoryAttribute()), MarkdownDescription: what}
}

func namedByDefault(byDefault, what string) schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString(byDefault), Validators: []validator.String{attr.DirectoryAttribute()},
		MarkdownDescription: what + " Default `" + byDefault + "`."}
}

// serverAttributes say which servers there are and how they are talked with.
func serverAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"urls": schema.ListAttribute{Required: true, ElementType: types.StringType,
			Validators:          []validator.List{listvalidator.NoNullValues(), listvalidator.SizeBetween(1, 16), listvalidator.UniqueValues(), listvalidator.ValueStringsAre(attr.DirectoryURL())},
			MarkdownDescription: "Servers of the directory, `ldaps://host:port` or `ldap://host:port`, asked in this order: the next one when one does not answer. The default ports are 636 and 389."},
		"start_tls": flag("Whether `ldap://` connections begin TLS before anything is said (StartTLS); default `false`."),
		"ca_certificate_pem": schema.StringAttribute{Optional: true, CustomType: attr.PEMType{}, PlanModifiers: []planmodifier.String{attr.KeepMeaning()},
			MarkdownDescription: "Certificates, PEM, by which those of the servers are believed, for the names in `urls`; by default the roots of the machine on which Concord runs."},
		"allow_plaintext": flag("Whether `ldap://` is allowed without StartTLS beyond the machine itself; default `false`. Everybody on the way can read the passwords; `concord validate` reports it."),
		"bind_dn": distinguished("Distinguished name of the account that searches. Without it nobody in particular searches, which few directories allow.",
			stringvalidator.AlsoRequires(path.MatchRoot("bind_password_wo"))),
		"bind_password_wo": schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true,
			Validators: []validator.String{stringvalidator.LengthBetween(1, 1024), stringvalidator.AlsoRequires(path.MatchRoot("bind_password_wo_version"), path.MatchRoot("bind_dn"))},
			MarkdownDescription: "Password of `bind_dn`. It is sent when the store is created, when `bind_password_wo_version` changes, and when `urls`, `start_tls`, `ca_certificate_pem` or `allow_plaintext` change, which takes the password; it is kept nowhere in Terraform. " +
				"Every data center gets it, encrypted for that data center, and keeps it encrypted."},
		"bind_password_wo_version": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.AtLeast(1), int64validator.AlsoRequires(path.MatchRoot("bind_password_wo"))},
			MarkdownDescription: "A number from 1; change it to send `bind_password_wo` again."},
	}
}

// peopleAttributes say how people and their groups are found.
func peopleAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"user_search_base": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 1024)},
			MarkdownDescription: "Distinguished name under which people are found, at any depth."},
		"user_filter": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.Filter("{user}")},
			MarkdownDescription: "Search filter that finds one person, with `{user}` in the place of the name that was typed; what is put in there is escaped. By default `({user_name_attribute}={user})`, with the attribute's name. " +
				"It may find people by other names too, such as a mail address, but has to find them by their own name as well. Whom it does not find any more is signed out, so it can leave out who is disabled in the directory."},
		"user_name_attribute": namedByDefault("uid", "Attribute whose value is the person's name in Concord. People whose value is no name of 1 to 128 letters, digits and `. _ @ + -` cannot sign in."),
		"group_search_base":   distinguished("Distinguished name under which groups are found, at any depth. Without it, and without `member_of_attribute`, nobody has a group.", stringvalidator.ConflictsWith(path.MatchRoot("member_of_attribute"))),
		"group_filter": schema.StringAttribute{Optional: true, Validators: []validator.String{attr.Filter("{dn}", "{user}"), stringvalidator.AlsoRequires(path.MatchRoot("group_search_base"))},
			MarkdownDescription: "Search filter that finds a person's groups, with `{dn}` in the place of the person's distinguished name and `{user}` in that of the name. By default `(member={dn})`."},
		"group_name_attribute":   namedByDefault("cn", "Attribute whose value is the group's name."),
		"member_of_attribute":    directoryAttribute("Attribute of a person's entry that names the groups, such as `memberOf`, instead of a search."),
		"nested_groups":          flag("Whether the groups that a person's groups are in count too, up to 10 deep; default `false`. Who is in more than 1,000 groups, or deeper, cannot sign in: to leave one out could give a right that it takes away."),
		"display_name_attribute": directoryAttribute("Attribute that is told as `display_name`."),
		"email_attribute":        directoryAttribute("Attribute that is told as `email`."),
		"attribute_mapping": schema.MapAttribute{Optional: true, ElementType: types.StringType,
			Validators:          []validator.Map{mapvalidator.NoNullValues(), mapvalidator.SizeAtMost(98), mapvalidator.KeysAre(attr.Name()), mapvalidator.ValueStringsAre(attr.DirectoryAttribute())},
			MarkdownDescription: "Further attributes of a person: the name here, and the attribute of the directory. Several values are told sorted, with commas between them; more than 1,024 bytes are left out."},
	}
}

// boundAttributes say how long and how much.
func boundAttributes() map[string]schema.Attribute {
	span := func(byDefault, what string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, Computed: true, CustomType: attr.DurationType{}, Default: stringdefault.StaticString(byDefault), Validators: []validator.String{attr.DurationBetween(100*time.Millisecond, 10*time.Second)},
			PlanModifiers: []planmodifier.String{attr.KeepMeaning()}, MarkdownDescription: what + ", `100ms` to `10s`. Default `" + byDefault + "`."}
	}
	number := func(byDefault, low, high int64, what string) schema.Int64Attribute {
		return schema.Int64Attribute{Optional: true, Computed: true, Default: int64default.StaticInt64(byDefault), Validators: []validator.Int64{int64validator.Between(low, high)}, MarkdownDescription: what}
	}
	return map[string]schema.Attribute{
		"connect_timeout": span("3s", "Longest time for a connection to be made, TLS and the bind of `bind_dn` included"),
		"request_timeout": span("5s", "Longest time for the answer to one question"),
		"page_size":       number(500, 10, 1000, "Groups that one answer may hold (paged results, RFC 2696), 10 to 1,000. Default `500`."),
		"pool_size":       number(8, 1, 128, "Connections of one data center that search, and as many that prove passwords, 1 to 128. Default `8`."),
	}
}

// ValidateConfig refuses passwords in clear.
func (r *identityStoreResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var urls types.List
	var startTLS, plain types.Bool
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("urls"), &urls)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("start_tls"), &startTLS)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("allow_plaintext"), &plain)...)
	if startTLS.IsUnknown() || plain.IsUnknown() || startTLS.ValueBool() || plain.ValueBool() {
		return
	}
	for i, e := range urls.Elements() {
		if text, ok := e.(types.String); ok && attr.InClear(text.ValueString()) {
			resp.Diagnostics.AddAttributeError(path.Root("urls").AtListIndex(i), "Passwords in clear",
				"This connection would not be encrypted, so passwords could be read on the way. Write ldaps://, or set start_tls = true; allow_plaintext = true is for networks where that does not matter.")
		}
	}
}

type identityStoreModel struct {
	ID                  types.String      `tfsdk:"id"`
	Name                types.String      `tfsdk:"name"`
	Description         types.String      `tfsdk:"description"`
	Domain              types.String      `tfsdk:"security_domain"`
	URLs                []string          `tfsdk:"urls"`
	StartTLS            types.Bool        `tfsdk:"start_tls"`
	CACertificatePEM    attr.PEM          `tfsdk:"ca_certificate_pem"`
	AllowPlaintext      types.Bool        `tfsdk:"allow_plaintext"`
	BindDN              types.String      `tfsdk:"bind_dn"`
	BindPassword        types.String      `tfsdk:"bind_password_wo"`
	BindPasswordVersion types.Int64       `tfsdk:"bind_password_wo_version"`
	UserSearchBase      types.String      `tfsdk:"user_search_base"`
	UserFilter          types.String      `tfsdk:"user_filter"`
	UserName            types.String      `tfsdk:"user_name_attribute"`
	GroupSearchBase     types.String      `tfsdk:"group_search_base"`
	GroupFilter         types.String      `tfsdk:"group_filter"`
	GroupName           types.String      `tfsdk:"group_name_attribute"`
	MemberOf            types.String      `tfsdk:"member_of_attribute"`
	NestedGroups        types.Bool        `tfsdk:"nested_groups"`
	DisplayName         types.String      `tfsdk:"display_name_attribute"`
	Email               types.String      `tfsdk:"email_attribute"`
	AttributeMapping    map[string]string `tfsdk:"attribute_mapping"`
	ConnectTimeout      attr.Duration     `tfsdk:"connect_timeout"`
	RequestTimeout      attr.Duration     `tfsdk:"request_timeout"`
	PageSize            types.Int64       `tfsdk:"page_size"`
	PoolSize            types.Int64       `tfsdk:"pool_size"`
}

func (m *identityStoreModel) key() string                { return m.Name.ValueString() }
func (m *identityStoreModel) ident() *types.String       { return &m.ID }
func (m *identityStoreModel) secretVersion() types.Int64 { return m.BindPasswordVersion }

// resends: what changes whom the password is sent to needs the password.
func (m *identityStoreModel) resends(state *identityStoreModel) bool {
	return !slices.Equal(m.URLs, state.URLs) || !m.CACertificatePEM.Equal(state.CACertificatePEM) || !m.StartTLS.Equal(state.StartTLS) || !m.AllowPlaintext.Equal(state.AllowPlaintext)
}

func (m *identityStoreModel) body(config *identityStoreModel, secrets bool) any {
	s := wire.IdentityStore{Name: m.Name.ValueString(), Description: m.Description.ValueString(), SecurityDomain: m.Domain.ValueString(), URLs: m.URLs,
		StartTLS: m.StartTLS.ValueBool(), CACertificatePEM: m.CACertificatePEM.ValueString(), AllowPlaintext: m.AllowPlaintext.ValueBool(),
		BindDN: m.BindDN.ValueString(), BindPasswordVersion: m.BindPasswordVersion.ValueInt64(),
		UserSearchBase: m.UserSearchBase.ValueString(), UserFilter: m.UserFilter.ValueString(), UserNameAttribute: m.UserName.ValueString(),
		GroupSearchBase: m.GroupSearchBase.ValueString(), GroupFilter: m.GroupFilter.ValueString(), GroupNameAttribute: m.GroupName.ValueString(),
		MemberOfAttribute: m.MemberOf.ValueString(), NestedGroups: m.NestedGroups.ValueBool(), DisplayNameAttribute: m.DisplayName.ValueString(),
		EmailAttribute: m.Email.ValueString(), AttributeMapping: m.AttributeMapping, ConnectTimeout: m.ConnectTimeout.ValueString(), RequestTimeout: m.RequestTimeout.ValueString(),
		PageSize: new(int(m.PageSize.ValueInt64())), PoolSize: new(int(m.PoolSize.ValueInt64()))}
	if secrets {
		s.BindPassword = config.BindPassword.ValueString()
	}
	return s
}

func (m *identityStoreModel) fill(v wire.IdentityStoreView) {
	m.ID = keepName(m.ID, v.ID)
	m.Name = types.StringValue(v.Name)
	m.Description, m.Domain = keepText(m.Description, v.Description), keepText(m.Domain, v.SecurityDomain)
	m.URLs = v.URLs
	m.StartTLS, m.AllowPlaintext, m.NestedGroups = types.BoolValue(v.StartTLS), types.BoolValue(v.AllowPlaintext), types.BoolValue(v.NestedGroups)
	m.CACertificatePEM = attr.PEM{StringValue: keepText(m.CACertificatePEM.StringValue, v.CACertificatePEM)}
	m.BindDN, m.BindPasswordVersion = keepText(m.BindDN, v.BindDN), keepVersion(v.BindPasswordVersion)
	m.UserSearchBase, m.UserFilter, m.UserName = types.StringValue(v.UserSearchBase), keepText(m.UserFilter, v.UserFilter), types.StringValue(v.UserNameAttribute)
	m.GroupSearchBase, m.GroupFilter, m.GroupName = keepText(m.GroupSearchBase, v.GroupSearchBase), keepText(m.GroupFilter, v.GroupFilter), types.StringValue(v.GroupNameAttribute)
	m.MemberOf, m.DisplayName, m.Email = keepText(m.MemberOf, v.MemberOfAttribute), keepText(m.DisplayName, v.DisplayNameAttribute), keepText(m.Email, v.EmailAttribute)
	m.AttributeMapping = keepMap(m.AttributeMapping, v.AttributeMapping)
	m.ConnectTimeout, m.RequestTimeout = keepSpan(m.ConnectTimeout, v.ConnectTimeout), keepSpan(m.RequestTimeout, v.RequestTimeout)
	m.PageSize, m.PoolSize = numberOf(v.PageSize), numberOf(v.PoolSize)
}

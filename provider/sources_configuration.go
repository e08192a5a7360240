package provider

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

var _ datasource.DataSourceWithConfigure = (*plural[groupModel, wire.GroupView, *groupModel])(nil)

// pluralSources are the lists of configuration kinds.
func pluralSources() []func() datasource.DataSource {
	return []func() datasource.DataSource{
		listsOf[userModel, wire.UserView](kind{name: "users", path: []string{"v1", "users"}}, "name", "Users of the local identity store, without their passwords.", newUser),
		listsOf[groupModel, wire.GroupView](kind{name: "groups", path: []string{"v1", "groups"}}, "name", "Groups of users.", newGroup),
		listsOf[applicationModel, wire.ApplicationView](kind{name: "applications", path: []string{"v1", "applications"}, overridable: true}, "name", "Applications, with their hosts and resources.", newApplication),
		listsOf[policyModel, wire.AuthorizationPolicyView](kind{name: "authorization_policies", path: []string{"v1", "authorization-policies"}, overridable: true}, "name", "Authorization policies, with their rules.", newAuthorizationPolicy),
		listsOf[agentModel, wire.AgentView](kind{name: "agents", path: []string{"v1", "agents"}, overridable: true}, "name", "Agents, without their secrets.", newAgent),
		listsOf[partnerModel, wire.PartnerView](kind{name: "partners", path: []string{"v1", "partners"}}, "cluster_id", "Remote data centers that the data center of the provider's endpoint knows.", newPartner),
		listsOf[certificateModel, wire.TrustedCertificateView](kind{name: "trusted_certificates", path: []string{"v1", "trust", "certificates"}}, "name", "Certificates that the data center of the provider's endpoint trusts when it meets its partners.", newTrustedCertificate),
		listsOf[domainModel, wire.SecurityDomainView](kind{name: "security_domains", path: []string{"v1", "security-domains"}}, "name", "Security domains.", newSecurityDomain),
		listsOf[identityStoreModel, wire.IdentityStoreView](kind{name: "identity_stores", path: []string{"v1", "identity-stores"}, overridable: true}, "name", "Identity stores, without their passwords. The local one is always there and is not listed.", newIdentityStore),
		listsOf[schemeModel, wire.AuthenticationSchemeView](kind{name: "authentication_schemes", path: []string{"v1", "authentication-schemes"}, overridable: true}, "name", "Authentication schemes, by which people sign in. The scheme `password` is always there and is not listed.", newAuthenticationScheme),
	}
}

// listsOf lists what the resource of made manages one by one.
func listsOf[M, V any, P interface {
	*M
	fill(V)
}](k kind, by, about string, made func() resource.Resource) func() datasource.DataSource {
	k.noun = strings.ReplaceAll(k.name, "_", " ")
	return func() datasource.DataSource {
		return &plural[M, V, P]{kind: k, element: func(ctx context.Context) pluralElement {
			var resp resource.SchemaResponse
			made().Schema(ctx, resource.SchemaRequest{}, &resp)
			return pluralElement{resp.Schema, by, about}
		}}
	}
}

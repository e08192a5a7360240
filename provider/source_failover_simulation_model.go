package provider

import "github.com/hashicorp/terraform-plugin-framework/types"

type failoverSimulationModel struct {
	Fault          simulatedFaultModel     `tfsdk:"fault"`
	User           types.String            `tfsdk:"user"`
	SessionPolicy  *simulatedPolicyModel   `tfsdk:"session_policy"`
	ID             types.String            `tfsdk:"id"`
	Outcome        types.String            `tfsdk:"outcome"`
	People         []simulatedRequestModel `tfsdk:"people"`
	DataCenters    []simulatedCenterModel  `tfsdk:"data_centers"`
	Administration *simulatedAdminModel    `tfsdk:"administration"`
	IdentityStores []simulatedStoreModel   `tfsdk:"identity_stores"`
	Present        []simulatedTroubleModel `tfsdk:"present"`
	Notes          []string                `tfsdk:"notes"`
}

type simulatedFaultModel struct {
	Kind      types.String `tfsdk:"kind"`
	ClusterID types.String `tfsdk:"cluster_id"`
	Other     types.String `tfsdk:"other"`
}

type simulatedPolicyModel struct {
	Anchored              types.Bool   `tfsdk:"anchored"`
	RetrieveOnDemand      types.Bool   `tfsdk:"retrieve_on_demand"`
	Reauthenticate        types.Bool   `tfsdk:"reauthenticate"`
	ContinueOnSyncFailure types.Bool   `tfsdk:"continue_on_sync_failure"`
	GitoCookieDomain      types.String `tfsdk:"gito_cookie_domain"`
	SignInURL             types.String `tfsdk:"sign_in_url"`
	IdleTimeout           types.String `tfsdk:"idle_timeout"`
	Lifetime              types.String `tfsdk:"lifetime"`
	MaxDegradedAge        types.String `tfsdk:"max_degraded_age"`
	MaxSessionsPerUser    types.Int64  `tfsdk:"max_sessions_per_user"`
	WhenPartitioned       types.String `tfsdk:"max_sessions_when_partitioned"`
}

type simulatedRequestModel struct {
	Origin   types.String         `tfsdk:"origin"`
	At       types.String         `tfsdk:"at"`
	SSOID    types.String         `tfsdk:"sso_id"`
	Outcome  types.String         `tfsdk:"outcome"`
	Rule     types.String         `tfsdk:"rule"`
	Row      types.String         `tfsdk:"row"`
	From     types.String         `tfsdk:"from"`
	Lasts    types.String         `tfsdk:"lasts"`
	Then     types.String         `tfsdk:"then"`
	SignIn   types.String         `tfsdk:"sign_in"`
	Lost     []simulatedLossModel `tfsdk:"lost"`
	Sentence types.String         `tfsdk:"sentence"`
}

type simulatedLossModel struct {
	What   types.String `tfsdk:"what"`
	Of     []string     `tfsdk:"of"`
	Detail types.String `tfsdk:"detail"`
	Until  types.String `tfsdk:"until"`
}

type simulatedCenterModel struct {
	ClusterID       types.String `tfsdk:"cluster_id"`
	Role            types.String `tfsdk:"role"`
	Availability    types.String `tfsdk:"availability"`
	Answers         types.Bool   `tfsdk:"answers"`
	GetsUsers       types.Bool   `tfsdk:"gets_users"`
	Reason          types.String `tfsdk:"reason"`
	TakesOver       types.Bool   `tfsdk:"takes_over"`
	SessionCapacity types.Int64  `tfsdk:"session_capacity"`
	Sessions        types.Int64  `tfsdk:"sessions"`
}

type simulatedAdminModel struct {
	Master         types.String              `tfsdk:"master"`
	WritesPossible types.Bool                `tfsdk:"writes_possible"`
	WriteRequires  types.String              `tfsdk:"write_requires"`
	Reason         types.String              `tfsdk:"reason"`
	Agreements     []simulatedAgreementModel `tfsdk:"agreements"`
	Promotions     []simulatedPromotionModel `tfsdk:"promotions"`
}

type simulatedAgreementModel struct {
	Name       types.String `tfsdk:"name"`
	Identifier types.String `tfsdk:"identifier"`
	Source     types.String `tfsdk:"source"`
	Target     types.String `tfsdk:"target"`
	State      types.String `tfsdk:"state"`
	LagEntries types.Int64  `tfsdk:"lag_entries"`
	Stops      types.Bool   `tfsdk:"stops"`
}

type simulatedPromotionModel struct {
	ClusterID  types.String `tfsdk:"cluster_id"`
	Possible   types.Bool   `tfsdk:"possible"`
	Forced     types.Bool   `tfsdk:"forced"`
	Reason     types.String `tfsdk:"reason"`
	LagEntries types.Int64  `tfsdk:"lag_entries"`
}

type simulatedStoreModel struct {
	Name     types.String `tfsdk:"name"`
	Affected types.String `tfsdk:"affected"`
	Sentence types.String `tfsdk:"sentence"`
}

type simulatedTroubleModel struct {
	From   types.String `tfsdk:"from"`
	To     types.String `tfsdk:"to"`
	Reason types.String `tfsdk:"reason"`
}

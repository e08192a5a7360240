package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

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

func (m *failoverSimulationModel) fill(v wire.Simulation) {
	text := func(s string) types.String { return keepText(types.StringNull(), s) }
	m.ID, m.Outcome, m.Notes = types.StringValue(v.ID), types.StringValue(v.Outcome), append([]string{}, v.Notes...)
	m.People, m.DataCenters, m.IdentityStores, m.Present = []simulatedRequestModel{}, []simulatedCenterModel{}, []simulatedStoreModel{}, []simulatedTroubleModel{}
	for _, r := range v.People {
		p := simulatedRequestModel{Origin: types.StringValue(r.Origin), At: types.StringValue(r.At), SSOID: text(r.SSOID), Outcome: types.StringValue(r.Outcome), Rule: types.StringValue(r.Rule), Row: text(r.Row),
			From: text(r.From), Lasts: text(r.Lasts), Then: text(r.Then), SignIn: text(r.SignIn), Lost: []simulatedLossModel{}, Sentence: types.StringValue(r.Sentence)}
		for _, l := range r.Lost {
			p.Lost = append(p.Lost, simulatedLossModel{What: types.StringValue(l.What), Of: append([]string{}, l.Of...), Detail: types.StringValue(l.Detail), Until: types.StringValue(l.Until)})
		}
		m.People = append(m.People, p)
	}
	for _, c := range v.DataCenters {
		m.DataCenters = append(m.DataCenters, simulatedCenterModel{ClusterID: types.StringValue(c.ClusterID), Role: text(c.Role), Availability: text(c.Availability), Answers: types.BoolValue(c.Answers),
			GetsUsers: types.BoolValue(c.GetsUsers), Reason: text(c.Reason), TakesOver: types.BoolValue(c.TakesOver), SessionCapacity: whole(c.SessionCapacity), Sessions: whole(c.Sessions)})
	}
	for _, st := range v.IdentityStores {
		m.IdentityStores = append(m.IdentityStores, simulatedStoreModel{Name: types.StringValue(st.Name), Affected: types.StringValue(st.Affected), Sentence: types.StringValue(st.Sentence)})
	}
	for _, e := range v.Present {
		m.Present = append(m.Present, simulatedTroubleModel{From: types.StringValue(e.From), To: types.StringValue(e.To), Reason: types.StringValue(e.Reason)})
	}
	a := v.Administration
	m.Administration = &simulatedAdminModel{Master: text(a.Master), WritesPossible: types.BoolValue(a.WritesPossible), WriteRequires: text(a.WriteRequires), Reason: text(a.Reason),
		Agreements: []simulatedAgreementModel{}, Promotions: []simulatedPromotionModel{}}
	for _, g := range a.Agreements {
		m.Administration.Agreements = append(m.Administration.Agreements, simulatedAgreementModel{Name: text(g.Name), Identifier: text(g.Identifier), Source: types.StringValue(g.Source), Target: types.StringValue(g.Target),
			State: types.StringValue(g.State), LagEntries: whole(g.LagEntries), Stops: types.BoolValue(g.Stops)})
	}
	for _, p := range a.Promotions {
		m.Administration.Promotions = append(m.Administration.Promotions, simulatedPromotionModel{ClusterID: types.StringValue(p.ClusterID), Possible: types.BoolValue(p.Possible), Forced: types.BoolValue(p.Forced),
			Reason: text(p.Reason), LagEntries: whole(p.LagEntries)})
	}
}

// whole is null for what is not known.
func whole[N int | uint64](n *N) types.Int64 {
	if n == nil {
		return types.Int64Null()
	}
	return types.Int64Value(int64(*n)) //nolint:gosec // counts of sessions and journal entries
}

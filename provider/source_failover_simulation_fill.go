package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// fill takes the answer over; what is not known, or not the case, is null.
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

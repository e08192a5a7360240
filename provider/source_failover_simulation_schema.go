package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type attributes = map[string]schema.Attribute

func foretold(what string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: what}
}

func foretoldBool(what string) schema.BoolAttribute {
	return schema.BoolAttribute{Computed: true, MarkdownDescription: what}
}

func foretoldCount(what string) schema.Int64Attribute {
	return schema.Int64Attribute{Computed: true, MarkdownDescription: what}
}

func foretoldList(what string, of attributes) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{Computed: true, MarkdownDescription: what, NestedObject: schema.NestedAttributeObject{Attributes: of}}
}

// Schema describes the data source.
func (s *failoverSimulationSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "What a fault would make of signed-in people and of administration, by the decision that requests are decided by, together with what does not work when it is read. It changes nothing; for `check` blocks and `terraform test`. Needs the permission `read` on `validation`, and with `user` on `user` and `session` too. [Sessions](https://github.com/concord-access/terraform-provider-concord/blob/main/docs/sessions.md) has the rules.",
		Attributes: attributes{
			"fault": schema.SingleNestedAttribute{Required: true, MarkdownDescription: "What fails, and which data centers that concerns.", Attributes: attributes{
				"kind": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.OneOf("data_center", "partner", "link")},
					MarkdownDescription: "`data_center`: it serves nobody and answers nobody; `partner`: it serves people, and no other data center reaches it or is reached by it; `link`: two data centers do not reach each other."},
				"cluster_id": schema.StringAttribute{Required: true, MarkdownDescription: "Of the data center that fails, or of one end of the link: this data center or a registered partner."},
				"other":      schema.StringAttribute{Optional: true, MarkdownDescription: "With `link`: its other end."},
			}},
			"user": schema.StringAttribute{Optional: true, MarkdownDescription: "Name of a user, whose sign-ons at the data center that answers are looked at. Without it, or where the user is not signed in there, somebody is assumed at each data center who signed in there and went nowhere else."},
			"session_policy": schema.SingleNestedAttribute{Optional: true, Attributes: simulatedPolicyAttributes(),
				MarkdownDescription: "What would hold of the [session policy](../resources/session_policy.md), laid over the one in force field by field. It is saved nowhere. By default the one in force at the data center that answers."},
			"id":              foretold("Cluster id of the data center that answered."),
			"outcome":         foretold("The worst outcome of `people`."),
			"people":          foretoldList("The next request of somebody who is signed in: for each data center where they may be, each that answers.", simulatedPeopleAttributes()),
			"data_centers":    foretoldList("The data centers under the fault, the one that answered first, 32 at most.", simulatedCenterAttributes()),
			"administration":  schema.SingleNestedAttribute{Computed: true, MarkdownDescription: "What follows for administrators.", Attributes: simulatedAdminAttributes()},
			"identity_stores": foretoldList("Sign-ins of the people of each identity store.", attributes{"name": foretold("Of the identity store."), "affected": foretold("`yes`: nobody of it can sign in; `no`; `unknown`: its servers may stand in the data center that fails."), "sentence": foretold("Why that is so, as a sentence for people.")}),
			"present":         foretoldList("Edges between data centers that do not work already, which was taken into account.", attributes{"from": foretold("Cluster id of the data center that calls."), "to": foretold("Cluster id of the data center that is called."), "reason": foretold("Why it does not work.")}),
			"notes":           schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "What could not be looked at."},
		},
	}
}

func simulatedPolicyAttributes() attributes {
	text := func(what string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: what}
	}
	yes := func(what string) schema.BoolAttribute {
		return schema.BoolAttribute{Optional: true, MarkdownDescription: what}
	}
	return attributes{
		"anchored": yes("Whether a session lives in one data center at a time."), "retrieve_on_demand": yes("Whether a session is fetched from the data center that made it."),
		"reauthenticate": yes("Whether each data center asks for the password."), "continue_on_sync_failure": yes("Whether a session is made from the cookie where nobody answers."),
		"gito_cookie_domain": text("Domain of the inactivity cookie."), "sign_in_url": text("Origin where people sign in; `gito_cookie_domain` has to cover it."),
		"idle_timeout": text("How long a session lasts without use."), "lifetime": text("How long it lasts at most."), "max_degraded_age": text("How long it lasts that was made from a cookie and is not confirmed."),
		"max_sessions_per_user":         schema.Int64Attribute{Optional: true, MarkdownDescription: "How many sign-ons a user may have; 0: no limit."},
		"max_sessions_when_partitioned": text("What counts while a data center does not answer: `local`, `allow` or `deny`."),
	}
}

func simulatedPeopleAttributes() attributes {
	return attributes{
		"origin": foretold("Cluster id of the data center where they are signed in."), "at": foretold("Cluster id of the data center that the request comes to."), "sso_id": foretold("With `user`: id of the sign-on; null otherwise."),
		"outcome": foretold("`served`: nobody is asked for anything; `challenged`: the password is asked for, and helps; `refused`: it does not help either."),
		"rule":    foretold("What decides: the reason of the authorization, such as `adopted_alone` or `challenge_unreachable`."), "row": foretold("The rule's id in the list of capabilities, such as `OAM-32`; null where it has none."),
		"from": foretold("Cluster id of the data center that gives the session; null when none does."), "lasts": foretold("For how long they are served while the fault goes on, such as `15m`; null: as long as the sign-on."),
		"then": foretold("What decides after that; null likewise."), "sign_in": foretold("With a challenge, what the password does: `new_sign_on`, `continued_sign_on`, or the rule by which it is refused; null when they are served."),
		"lost": foretoldList("What they lose.", attributes{
			"what": foretold("`session`, `attributes`, `idle_time`, `sign_outs`, `limit` or `anchor`."), "of": schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Cluster ids of the data centers because of which; empty: because of the policy."},
			"detail": foretold("What that means."), "until": foretold("Until when that lasts, where it ends by itself."),
		}),
		"sentence": foretold("What happens, and why."),
	}
}

func simulatedCenterAttributes() attributes {
	return attributes{
		"cluster_id": foretold("Of the data center."), "role": foretold("`master`, `clone` or `standalone`; null when it never answered."), "availability": foretold("`active`, `hot_standby` or `passive`; null likewise."),
		"answers": foretoldBool("Whether it serves whoever comes to it."), "gets_users": foretoldBool("Whether load balancers should send users there."), "reason": foretold("Why they should not; null when they should."),
		"takes_over":       foretoldBool("Whether it is a hot standby that gets users under the fault, ten seconds after it began."),
		"session_capacity": foretoldCount("How many sessions it may hold; null when there is no limit, or it is another data center than the one that answered."), "sessions": foretoldCount("How many it holds now; null likewise."),
	}
}

func simulatedAdminAttributes() attributes {
	return attributes{
		"master": foretold("Cluster id of the master now; null when none is known."), "writes_possible": foretoldBool("Whether the replicated configuration can be changed."), "write_requires": foretold("`local` or `majority`, as the master declares it; null when it is not known."),
		"reason": foretold("Why it cannot be changed, or where only; null when there is nothing to say."),
		"agreements": foretoldList("Replication agreements.", attributes{
			"name": foretold("Of the agreement; null when it is one of other data centers."), "identifier": foretold("Null likewise."), "source": foretold("Cluster id of the master."), "target": foretold("Cluster id of the clone."), "state": foretold("Its state now."),
			"lag_entries": foretoldCount("What the clone lacks now; null when it is not known."), "stops": foretoldBool("Whether changes do not come through."),
		}),
		"promotions": foretoldList("Each clone, and whether it can become the master.", attributes{
			"cluster_id": foretold("Of the clone."), "possible": foretoldBool("Whether it can be promoted."), "forced": foretoldBool("Whether only with force."), "reason": foretold("Why not, or why only so; null when there is nothing to say."),
			"lag_entries": foretoldCount("What it lacks now, and a forced promotion loses; null when it is not known."),
		}),
	}
}

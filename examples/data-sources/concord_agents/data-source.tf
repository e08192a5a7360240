# Agents of one security domain that no sign-out reaches at once.
data "concord_agents" "billing" {
  security_domain = "billing"
}

output "agents_without_logout_call" {
  value = [for a in data.concord_agents.billing.agents : a.name if a.backchannel_logout_url == null]
}

resource "concord_partner_profile" "this" {
  agent_id         = "partners-of-nydc"
  allow_management = true # needed on both sides of a replication agreement
}

# Every partner answers.
data "concord_partners" "all" {}

check "every_partner_answers" {
  assert {
    condition     = alltrue(data.concord_partners.all.partners[*].reachable)
    error_message = "No answer from ${join(", ", [for p in data.concord_partners.all.partners : p.cluster_id if !p.reachable])}."
  }
}

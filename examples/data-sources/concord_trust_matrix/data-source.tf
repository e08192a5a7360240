data "concord_trust_matrix" "this" {}

# A check warns in every plan and apply; it does not stop them. A postcondition in the data source would.
check "trust" {
  assert {
    condition     = data.concord_trust_matrix.this.sound
    error_message = join(" ", [for e in data.concord_trust_matrix.this.edges : "${e.from} to ${e.to}: ${e.reason}." if e.result == "broken"])
  }
}

data "concord_replication_status" "this" {}

# A check warns in every plan and apply; it does not stop them.
check "replication" {
  assert {
    condition     = data.concord_replication_status.this.healthy
    error_message = join(" ", [for a in data.concord_replication_status.this.agreements : "${a.name}: ${a.reason}" if !a.healthy])
  }
}

resource "concord_partner" "ldc" {
  cluster_id = "LDC"
  agent_id   = "partners-of-ldc"
  primary    = ["ldc.example.com:7402"]

  # Every change of the partner is tested at once.
  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.concord_test_partner.ldc]
    }
  }
}

action "concord_test_partner" "ldc" {
  config {
    cluster_id = "LDC"
    required   = false # until LDC has registered this data center, too
  }
}

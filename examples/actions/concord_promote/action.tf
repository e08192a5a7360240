# Makes LDC the master: terraform apply -invoke=action.concord_promote.ldc
action "concord_promote" "ldc" {
  provider = concord.ldc # the data center to be promoted

  config {
    cluster_id = "LDC" # nothing is done where the endpoint is another one
    wait       = "30s"
  }
}

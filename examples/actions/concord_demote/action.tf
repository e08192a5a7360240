# Hands over to LDC before NYDC is serviced: terraform apply -invoke=action.concord_demote.ny
action "concord_demote" "ny" {
  provider = concord # the master

  config {
    cluster_id = "NYDC"
    to         = "LDC"
  }
}

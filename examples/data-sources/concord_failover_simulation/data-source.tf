# What the loss of NYDC would mean, as the data centers are now.
data "concord_failover_simulation" "nydc_down" {
  fault = {
    kind       = "data_center"
    cluster_id = "NYDC"
  }
}

# The same under a policy that is not applied yet.
data "concord_failover_simulation" "nydc_down_continued" {
  fault = {
    kind       = "data_center"
    cluster_id = "NYDC"
  }
  session_policy = {
    continue_on_sync_failure = true
    max_degraded_age         = "30m"
  }
}

# A check warns in every plan and apply; it does not stop them. A postcondition in the data source would.
check "nobody_is_refused_without_nydc" {
  assert {
    condition     = data.concord_failover_simulation.nydc_down.outcome != "refused"
    error_message = join(" ", [for p in data.concord_failover_simulation.nydc_down.people : p.sentence if p.outcome == "refused"])
  }
}

check "somebody_can_take_over_from_nydc" {
  assert {
    condition     = anytrue([for p in data.concord_failover_simulation.nydc_down.administration.promotions : p.possible])
    error_message = "If NYDC fails, no clone can become the master."
  }
}

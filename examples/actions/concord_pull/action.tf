# Lets a clone that polls ask at once: terraform apply -invoke=action.concord_pull.ldc
action "concord_pull" "ldc" {
  config {
    agreement = "nydc-to-ldc"
  }
}

data "concord_validation" "this" {
  ignore_codes = ["no_agreement"] # one that is meant to be so
}

# A check warns in every plan and apply; it does not stop them. A postcondition in the data source would.
check "configuration" {
  assert {
    condition     = data.concord_validation.this.clean
    error_message = join(" ", [for f in data.concord_validation.this.findings : "${f.subject}: ${f.detail} ${f.hint}"])
  }
}

data "concord_partner_trust" "ldc" {
  cluster_id = "LDC"
}

check "ldc_tells_its_roots" {
  assert {
    condition     = data.concord_partner_trust.ldc.last_error == null
    error_message = "NYDC cannot refresh what it believes LDC by: ${coalesce(data.concord_partner_trust.ldc.last_error, "no error")}"
  }
}

data "concord_trust_bundle" "ldc" {
  provider = concord.ldc
}

output "ldc_roots" {
  value = data.concord_trust_bundle.ldc.fingerprints_sha256
}

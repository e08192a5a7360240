# The roots of the other data center, asked there and declared here.
data "concord_trust_bundle" "ldc" {
  provider = concord.ldc
}

resource "concord_trusted_certificate" "ldc" {
  name            = "ldc-root-2026"
  certificate_pem = data.concord_trust_bundle.ldc.certificate_pem
  partner         = "LDC"

  lifecycle {
    create_before_destroy = true # a new root is trusted before the old one is dropped
  }
}

# Compare it with what an administrator of the other data center reads out.
output "ldc_root_fingerprint" {
  value = concord_trusted_certificate.ldc.fingerprint_sha256
}

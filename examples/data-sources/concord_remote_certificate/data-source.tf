data "concord_trust_bundle" "ldc" {
  provider = concord.ldc
}

data "concord_data_center" "ldc" {
  provider = concord.ldc
}

# What LDC's peer listener presents to this data center. The fingerprint comes over another channel: here from LDC's own admin
# listener, otherwise from whoever runs that data center.
data "concord_remote_certificate" "ldc" {
  address            = trimprefix(data.concord_data_center.ldc.peer_url, "https://")
  fingerprint_sha256 = data.concord_trust_bundle.ldc.fingerprints_sha256[0]
}

resource "concord_trusted_certificate" "ldc" {
  name            = "ldc-root"
  certificate_pem = data.concord_remote_certificate.ldc.certificate_pem
  partner         = "LDC"
}

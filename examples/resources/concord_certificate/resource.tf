# A certificate for a web server. The request is made where the key lies, here by
# openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout portal.key \
#   -subj / -addext subjectAltName=DNS:portal.example.com,DNS:www.portal.example.com -out portal.csr
# or in Terraform by tls_cert_request.
resource "concord_certificate" "portal" {
  profile       = "web_server"
  csr_pem       = file("${path.module}/portal.csr")
  ttl           = "720h"
  early_renewal = "240h" # replaced by the first apply within ten days of its end

  lifecycle {
    create_before_destroy = true # the new one is there before the old one is revoked
  }
}

output "portal_chain" {
  value = "${concord_certificate.portal.certificate_pem}${concord_certificate.portal.chain_pem}"
}

terraform {
  required_providers {
    concord = { source = "concord-access/concord" } # the name between provider:: and the function
  }
}

variable "fingerprint" { # as the other side's administrator reads it out: concord trust fingerprint
  type    = string
  default = "e9f82017dff3065cc7c70749c1147cc7eaf569a4cbf18990627e0402a6dd72c2"
}

resource "concord_trusted_certificate" "ldc" {
  name            = "ldc-root"
  partner         = "LDC"
  certificate_pem = file("${path.module}/ldc-root.pem")

  lifecycle {
    precondition {
      condition     = provider::concord::certificate_fingerprint(file("${path.module}/ldc-root.pem")) == var.fingerprint
      error_message = "The certificate is another one than LDC's administrator named: do not trust it."
    }
  }
}

import {
  to = concord_trusted_certificate.ldc
  identity = {
    id = "ldc-root-2026"
  }
}

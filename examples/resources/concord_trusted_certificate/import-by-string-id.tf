import {
  to = concord_trusted_certificate.ldc
  id = "ldc-root-2026"
}

# The id is the friendly name.
terraform import concord_trusted_certificate.ldc ldc-root-2026

# terraform test: no data center runs, because the provider's resources are mocked. Functions are not.

mock_provider "concord" {}

run "the_right_root" {
  assert {
    condition     = concord_trusted_certificate.ldc.partner == "LDC"
    error_message = "The root is not for LDC alone."
  }
}

run "another_root" {
  command = plan

  variables {
    fingerprint = "0000000000000000000000000000000000000000000000000000000000000000"
  }

  expect_failures = [concord_trusted_certificate.ldc]
}

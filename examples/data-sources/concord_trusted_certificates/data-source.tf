# What ends within 30 days.
data "concord_trusted_certificates" "all" {}

check "no_trust_ends_soon" {
  assert {
    condition     = alltrue([for c in data.concord_trusted_certificates.all.trusted_certificates : timecmp(c.expires_at, timeadd(plantimestamp(), "720h")) > 0])
    error_message = "A trusted certificate ends within 30 days: replace it while both sides still take the old one."
  }
}

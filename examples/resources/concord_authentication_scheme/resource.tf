# The certificate of a person and their password: worth more than either alone.
resource "concord_authentication_scheme" "strong" {
  name        = "strong"
  description = "For what moves money"
  level       = 3

  steps = [
    { method = "certificate" }, # issued by a data center: concord trust issue --profile user
    { method = "password" },
  ]
}

# For programs: HTTP Basic with each request, as of curl -u.
resource "concord_authentication_scheme" "api" {
  name  = "api"
  steps = [{ method = "basic" }]
}

resource "concord_application" "bank" {
  name  = "bank"
  hosts = ["bank.example.com"]

  resources = {
    pages     = { paths = ["/**"] }
    transfers = { paths = ["/transfers/**"], authentication_scheme = concord_authentication_scheme.strong.name }
    api       = { paths = ["/api/**"], authentication_scheme = concord_authentication_scheme.api.name }
  }
}

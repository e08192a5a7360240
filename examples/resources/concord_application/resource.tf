resource "concord_authorization_policy" "staff" {
  name  = "staff-only"
  rules = [{ effect = "allow" }] # every signed-in user
}

resource "concord_application" "wiki" {
  name  = "wiki"
  hosts = ["wiki.example.com", "wiki.example.com:8443"]

  resources = {
    pages = {
      paths                = ["/**"]
      authorization_policy = concord_authorization_policy.staff.name
    }
    reading = {
      paths      = ["/help/**"]
      methods    = ["GET", "HEAD"]
      protection = "public"
    }
    health = {
      paths      = ["/healthz"]
      protection = "excluded"
    }
  }
}

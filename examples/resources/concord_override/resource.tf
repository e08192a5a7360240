# People sign in at London's own address, and for a shorter time; the policy that is replicated stays as it is.
resource "concord_override" "sign_in" {
  kind = "session_policy"
  name = "default"
  values = jsonencode({
    sign_in_url = "https://login.london.example.com"
    lifetime    = "4h"
  })
}

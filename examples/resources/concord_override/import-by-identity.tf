import {
  to = concord_override.sign_in
  identity = {
    kind = "session_policy"
    name = "default"
  }
}

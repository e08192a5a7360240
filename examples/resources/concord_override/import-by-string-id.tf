import {
  to = concord_override.sign_in
  id = "session_policy/default"
}

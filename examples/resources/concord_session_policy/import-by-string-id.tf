import {
  to = concord_session_policy.this
  id = "default"
}

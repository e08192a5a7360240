import {
  to = concord_session_policy.this
  identity = {
    id = "default"
  }
}

import {
  to = concord_password_policy.this
  id = "default"
}

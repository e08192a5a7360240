import {
  to = concord_password_policy.this
  identity = {
    id = "default"
  }
}

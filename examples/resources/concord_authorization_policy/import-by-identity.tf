import {
  to = concord_authorization_policy.staff
  identity = {
    id = "staff-only"
  }
}

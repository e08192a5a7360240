import {
  to = concord_authorization_policy.staff
  id = "staff-only"
}

import {
  to = concord_authentication_scheme.strong
  id = "strong"
}

import {
  to = concord_authentication_scheme.strong
  identity = {
    id = "strong"
  }
}

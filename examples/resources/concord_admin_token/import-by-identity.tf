import {
  to = concord_admin_token.prometheus
  identity = {
    id = "prometheus"
  }
}

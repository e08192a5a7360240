import {
  to = concord_admin_token.prometheus
  id = "prometheus"
}

import {
  to = concord_partner_profile.this
  identity = {
    id = "default"
  }
}

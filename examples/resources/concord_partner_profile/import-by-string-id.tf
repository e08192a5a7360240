import {
  to = concord_partner_profile.this
  id = "default"
}

import {
  to = concord_partner.ldc
  id = "LDC"
}

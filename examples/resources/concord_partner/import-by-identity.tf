import {
  to = concord_partner.ldc
  identity = {
    id = "LDC"
  }
}

import {
  to = concord_certificate.portal
  identity = {
    id = "5f1c2b7a9e0d4c3b8a7f6e5d4c3b2a19"
  }
}

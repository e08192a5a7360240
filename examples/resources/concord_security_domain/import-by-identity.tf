import {
  to = concord_security_domain.finance
  identity = {
    id = "finance"
  }
}
